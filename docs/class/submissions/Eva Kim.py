# Exercise 3, Eva Kim
import numpy as np


def linear(input, weight, bias=None):
    """The linear layer."""
    z = input @ weight.T
    return z if bias is None else z + bias


def linear_backward(grad_output, input, weight):
    # the three gradients
    return grad_output @ weight, grad_output.T @ input, grad_output.sum(axis=0)


def softmax(input, dim=-1):
    s = input - input.max(axis=dim, keepdims=True)
    e = np.exp(s)
    return e / e.sum(axis=dim, keepdims=True)


def cross_entropy(input, target, reduction="mean"):
    """The loss."""
    s = input - input.max(axis=1, keepdims=True)
    lp = s - np.log(np.exp(s).sum(axis=1, keepdims=True))
    nll = -lp[np.arange(len(target)), target]
    return nll.mean() if reduction == "mean" else nll.sum()


def sgd_step(param, grad, lr, weight_decay=0.0):
    return param - lr * (grad + weight_decay * param)
