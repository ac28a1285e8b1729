"""CMU 11-785: layers and losses as objects, biases (out, 1), one-hot targets."""

recognised_by = ["CrossEntropyLoss", "MSELoss", "BatchNorm1d"]
conventions = {"bias": "column", "targets": "one-hot", "stability": "ordinary"}
unchecked = [
    "Softmax",
    "MSELoss",
    "GELU",
    "Swish",
    "Identity",
    "BatchNorm1d",
    "Dropout",
    "MLP0",
    "MLP1",
    "MLP4",
]
arguments = {"Linear": "in_features, out_features", "SGD": "model, lr, momentum=0"}


def linear(input, weight, bias):
    return layer(weight, bias).forward(input)


def linear_backward(grad_output, input, weight, bias):
    one = layer(weight, bias)
    one.forward(input)
    grad_input = one.backward(grad_output)
    own = np.shape(one.dLdb) == np.shape(one.b)
    return grad_input, one.dLdW, np.reshape(one.dLdb, bias.shape) if own else one.dLdb


def layer(weight, bias):
    one = student.Linear(weight.shape[1], weight.shape[0])
    flat = np.shape(one.b) == np.shape(bias[:, 0])  # (out,) in some years, else (out, 1)
    one.W, one.b = weight, bias[:, 0] if flat else bias
    return one


def sigmoid(input):
    return student.Sigmoid().forward(input)


def sigmoid_backward(grad_output, input):
    return activation_backward(student.Sigmoid(), grad_output, input)


def relu(input):
    return student.ReLU().forward(input)


def relu_backward(grad_output, input):
    return activation_backward(student.ReLU(), grad_output, input)


def tanh(input):
    return student.Tanh().forward(input)


def tanh_backward(grad_output, input):
    return activation_backward(student.Tanh(), grad_output, input)


def activation_backward(one, grad_output, input):
    one.forward(input)
    # In older years it is the derivative alone, of which one is called `derivative`.
    backward = getattr(one, "derivative", None) or one.backward
    if backward.__code__.co_argcount == 1:
        return grad_output * backward()
    return backward(grad_output)


def cross_entropy(input, target):
    return student.CrossEntropyLoss().forward(input, target)


def cross_entropy_backward(input, target):
    loss = student.CrossEntropyLoss()
    loss.forward(input, target)
    return loss.backward()


def sgd_step(param, grad, lr):
    one = layer_to_step(param, grad)
    student.SGD(type("Model", (), {"layers": [one]})(), lr).step()
    same({"W": column(one.W), "b": one.b})
    return one.W


def momentum_step(param, grad, momentum_buffer, lr, momentum):
    one = layer_to_step(param, grad)
    optimizer = student.SGD(type("Model", (), {"layers": [one]})(), lr, momentum)
    optimizer.v_W, optimizer.v_b = [momentum_buffer.copy()], [column(momentum_buffer)]
    optimizer.step()
    same({"W": column(one.W), "b": one.b})
    same({"v_W": column(optimizer.v_W[0]), "v_b": optimizer.v_b[0]})
    return one.W, optimizer.v_W[0]


def layer_to_step(param, grad):
    one = type("Layer", (), {})()  # the file of an optimizer has no Linear
    one.W, one.dLdW = param.copy(), grad
    one.b, one.dLdb = column(param), column(grad)
    return one


def column(array):
    # A bias (out, 1) that takes the same step as the first column of the weight.
    return np.reshape(array, (len(array), -1))[:, :1].copy()
