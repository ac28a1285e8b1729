import numpy as np
import torch


def linear(input, weight, bias=None):
    out = np.zeros((len(input), len(weight)))
    for i in range(len(input)):
        for j in range(len(weight)):
            out[i, j] = (input[i] * weight[j]).sum() + (0 if bias is None else bias[j])
    return out


def softmax(input, dim=-1):
    return torch.softmax(torch.tensor(input), dim).numpy()


def sgd_step(param, grad, lr, weight_decay=0.0):
    for k in range(len(param)):
        param[k] = param[k] - lr * (grad[k] + weight_decay * param[k])
    return param
