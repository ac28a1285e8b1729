"""Right, in plain loops: lists in the place of arrays, names of its own, a main at the end."""

import math


def linear(x, w, b):
    return [
        [
            sum(float(p) * float(q) for p, q in zip(row, unit)) + float(bias)
            for unit, bias in zip(w, b)
        ]
        for row in x
    ]


def linear_backward(dy, x, w):
    n, out, into = len(x), len(w), len(w[0])
    dx = [[sum(dy[i][k] * w[k][j] for k in range(out)) for j in range(into)] for i in range(n)]
    dw = [[sum(dy[i][k] * x[i][j] for i in range(n)) for j in range(into)] for k in range(out)]
    return [dx, dw, [sum(dy[i][k] for i in range(n)) for k in range(out)]]


def elementwise(function, *matrices):
    return [[function(*numbers) for numbers in zip(*rows)] for rows in zip(*matrices)]


def sigmoid(x):
    def one(v):
        return 1 / (1 + math.exp(-v)) if v > 0 else math.exp(v) / (1 + math.exp(v))

    return elementwise(one, x)


def sigmoid_backward(dy, y):
    return elementwise(lambda g, s: g * s * (1 - s), dy, y)


def relu(x):
    return elementwise(lambda v: v if v > 0 else 0, x)


def relu_backward(dy, y):
    return elementwise(lambda g, a: g if a > 0 else 0, dy, y)


def log_sum_exp(row):
    top = max(row)
    return top + math.log(sum(math.exp(v - top) for v in row))


def softmax(x):
    return [[math.exp(v - log_sum_exp(row)) for v in row] for row in x]


def softmax_backward(dy, y):
    return [
        [p * (g - sum(a * b for a, b in zip(gs, ps))) for g, p in zip(gs, ps)]
        for gs, ps in zip(dy, y)
    ]


def log_softmax(x):
    return [[v - log_sum_exp(row) for v in row] for row in x]


def log_softmax_backward(dy, y):
    return [[g - math.exp(v) * sum(gs) for g, v in zip(gs, vs)] for gs, vs in zip(dy, y)]


def cross_entropy(x, target):
    return sum(log_sum_exp(row) - row[t] for row, t in zip(x, target)) / len(x)


def cross_entropy_backward(dy, x, target):
    p = softmax(x)
    for row, t in zip(p, target):
        row[t] -= 1
    return elementwise(lambda v: dy * v / len(x), p)


def avg_pool2d(x, k):
    def mean(image, top, left):
        return sum(image[top + i][left + j] for i in range(k) for j in range(k)) / k**2

    return [
        [
            [
                [mean(image, r, c) for c in range(0, len(image[0]) - k + 1, k)]
                for r in range(0, len(image) - k + 1, k)
            ]
            for image in images
        ]
        for images in x
    ]


def sgd_step(w, dw, rate, decay=0.0):
    if hasattr(w[0], "__len__"):
        return [sgd_step(a, b, rate, decay) for a, b in zip(w, dw)]
    return [a - rate * (b + decay * a) for a, b in zip(w, dw)]


def main():
    raise SystemExit("not when it is imported")


if __name__ == "__main__":
    main()
