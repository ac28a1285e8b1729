"""The list of the contract: each name once, in the order in which the names build on each other.

A name is looked at with the earlier ones right. To add one, write its entry and name it here.
"""

from parity.contract import activations, layers, losses, networks, normalization, steps, training
from parity.contract.subject import Operation, Subject

__all__ = ["OPERATIONS", "SUBJECTS"]

CONTRACT: tuple[Operation | Subject, ...] = (
    layers.linear,
    activations.sigmoid,
    activations.tanh,
    activations.relu,
    losses.softmax,
    losses.log_softmax,
    losses.cross_entropy,
    layers.conv2d,
    layers.avg_pool2d,
    layers.max_pool2d,
    normalization.batch_norm,
    normalization.dropout,
    steps.sgd_step,
    steps.momentum_step,
    steps.rmsprop_step,
    steps.adam_step,
    steps.adamw_step,
    networks.loss_and_grads,
    training.SoftmaxRegression,
    training.FeedForward,
    training.ConvNet,
    training.SGD,
    training.Adam,
    training.fit,
    training.evaluate,
)

OPERATIONS = {entry.name: entry for entry in CONTRACT if isinstance(entry, Operation)}

SUBJECTS: dict[str, Subject] = {
    subject.name: subject
    for entry in CONTRACT
    for subject in ([entry.forward, entry.backward] if isinstance(entry, Operation) else [entry])
}
