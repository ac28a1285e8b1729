"""Deep Learning from Scratch (O'Reilly Japan): layers as objects, weights (in, out)."""

recognised_by = ["Affine", "SoftmaxWithLoss", "Convolution", "Pooling"]
conventions = {
    "weights": "in-out",
    "targets": "either",
    "stability": "ordinary",
    "velocity": "with-lr",
    "backward": "in-place",
    "epsilon": "1e-7",
}
unchecked = [
    "Nesterov",
    "AdaGrad",
    "RMSprop",
    "Adam",
    "Dropout",
    "BatchNormalization",
    "TwoLayerNet",
]
arguments = {
    "Pooling": "pool_h, pool_w, stride",
    "SoftmaxWithLoss.backward": "dout=1",
    "SGD.update": "params, grads",
    "Momentum.update": "params, grads",
}


def linear(input, weight, bias):
    return student.Affine(weight, bias).forward(input)


def linear_backward(grad_output, input, weight, bias):
    one = student.Affine(weight, bias)
    one.forward(input)
    return (one.backward(grad_output), *gradients(one))


def gradients(one):
    # The second volume has them in a list.
    return one.grads if hasattr(one, "grads") else (one.dW, one.db)


def sigmoid(input):
    return student.Sigmoid().forward(input)


def sigmoid_backward(grad_output, input):
    return backward(student.Sigmoid(), grad_output, input)


def relu(input):
    return student.Relu().forward(input)


def relu_backward(grad_output, input):
    return backward(student.Relu(), grad_output, input)


def backward(one, grad_output, input):
    one.forward(input)
    return one.backward(grad_output)


def softmax(input):
    return student.softmax(input)


def cross_entropy(input, target):
    return student.SoftmaxWithLoss().forward(input, target)


def cross_entropy_backward(input, target):
    loss = student.SoftmaxWithLoss()
    loss.forward(input, target)
    return last(loss)


def last(loss):
    # The book's has dout=1; files leave it out, or give it no default.
    taken = loss.backward.__code__.co_argcount - 1
    return loss.backward(*[1] * taken)


def conv2d(input, weight, bias, stride, padding):
    return student.Convolution(weight, bias, stride, padding).forward(input)


def conv2d_backward(grad_output, input, weight, bias, stride, padding):
    one = student.Convolution(weight, bias, stride, padding)
    one.forward(input)
    return (one.backward(grad_output), *gradients(one))


def max_pool2d(input, kernel_size, stride):
    return student.Pooling(kernel_size, kernel_size, stride).forward(input)


def max_pool2d_backward(grad_output, input, kernel_size, stride):
    return backward(student.Pooling(kernel_size, kernel_size, stride), grad_output, input)


def sgd_step(param, grad, lr):
    params = {"W": param.copy(), "b": param.copy()}
    student.SGD(lr).update(params, {"W": grad, "b": grad.copy()})
    return same(params)


def momentum_step(param, grad, momentum_buffer, lr, momentum):
    params, optimizer = {"W": param.copy(), "b": param.copy()}, student.Momentum(lr, momentum)
    optimizer.v = {"W": momentum_buffer.copy(), "b": momentum_buffer.copy()}
    optimizer.update(params, {"W": grad, "b": grad.copy()})
    return same(params), same(optimizer.v)
