"""CMU 10-714, homework 0: softmax_loss(Z, y), and epochs that change their weights in place."""

recognised_by = ["softmax_regression_epoch", "nn_epoch", "parse_mnist"]
conventions = {"weights": "in-out", "stability": "ordinary"}
unchecked = ["parse_mnist"]
arguments = {
    "softmax_regression_epoch": "X, y, theta, lr, batch: X (N, in), y (N,), theta (in, C), which "
    "changes in place.",
    "nn_epoch": "X, y, W1, W2, lr, batch: X (N, in), y (N,), W1 (in, H), W2 (H, C), which change "
    "in place.",
}


def cross_entropy(input, target):
    return student.softmax_loss(input, target)


def cross_entropy_backward(input, target):
    # With the identity for images, an epoch of one batch takes lr times the gradient from theta; a
    # power of two as lr costs no digit.
    theta, lr = input.copy(), 2.0**20
    eye = np.eye(len(theta), dtype=theta.dtype)
    student.softmax_regression_epoch(eye, target, theta, lr, len(theta))

    def epoch(rows, weights, batch):
        student.softmax_regression_epoch(images[rows], target[rows], *weights, 0.125, batch)

    images = eye + 1 / len(eye)  # each example moves every weight
    batch_after_batch(epoch, [input], len(target))
    return (input - theta) / lr


def loss_and_grads(params, X, y):  # noqa: N803 - the contract's name
    own, lr = [params["W1"].copy(), params["W2"].copy()], 2.0**20
    loss = student.softmax_loss(np.maximum(X @ own[0], 0) @ own[1], y)
    student.nn_epoch(X, y, *own, lr, len(X))

    def epoch(rows, weights, batch):
        student.nn_epoch(X[rows], y[rows], *weights, 0.125, batch)

    batch_after_batch(epoch, [params["W1"], params["W2"]], len(y))
    grads = {name: (params[name] - one) / lr for name, one in zip(("W1", "W2"), own, strict=True)}
    return loss, {"b1": 0 * params["b1"], "b2": 0 * params["b2"], **grads}


def batch_after_batch(epoch, weights, examples):
    # An epoch of two batches, in order, is an epoch of each; a last batch that is smaller is not
    # asked for.
    half, rest = divmod(examples, 2)
    if rest:
        return
    once, twice = ([one.copy() for one in weights] for _ in range(2))
    epoch(slice(None), once, half)
    epoch(slice(half), twice, half)
    epoch(slice(half, None), twice, half)
    require(
        all(map(np.allclose, once, twice)),
        "an epoch of two batches, in order, differs from an epoch of each of them",
    )
