"""Homework 0: softmax regression and a two-layer network by hand."""

import gzip
import struct

import numpy as np


def parse_mnist(image_filename, label_filename):
    with gzip.open(image_filename, "rb") as file:
        _, count, rows, columns = struct.unpack(">4i", file.read(16))
        X = np.frombuffer(file.read(), dtype=np.uint8).reshape(count, rows * columns)
    with gzip.open(label_filename, "rb") as file:
        file.read(8)
        y = np.frombuffer(file.read(), dtype=np.uint8)
    return X.astype(np.float32) / 255, y


def softmax_loss(Z, y):
    return np.mean(np.log(np.sum(np.exp(Z), axis=1)) - Z[np.arange(Z.shape[0]), y])


def softmax_regression_epoch(X, y, theta, lr=0.1, batch=100):
    for start in range(0, X.shape[0], batch):
        xb = X[start : start + batch]
        yb = y[start : start + batch]
        Z = np.exp(xb @ theta)
        Z = Z / np.sum(Z, axis=1, keepdims=True)
        Z[np.arange(len(yb)), yb] -= 1
        theta -= lr * (xb.T @ Z) / len(yb)


def nn_epoch(X, y, W1, W2, lr=0.1, batch=100):
    for start in range(0, X.shape[0], batch):
        xb = X[start : start + batch]
        yb = y[start : start + batch]
        Z1 = np.maximum(xb @ W1, 0)
        G2 = np.exp(Z1 @ W2)
        G2 = G2 / np.sum(G2, axis=1, keepdims=True)
        G2[np.arange(len(yb)), yb] -= 1
        G1 = (Z1 > 0) * (G2 @ W2.T)
        W1 -= lr * (xb.T @ G1) / len(yb)
        W2 -= lr * (Z1.T @ G2) / len(yb)
