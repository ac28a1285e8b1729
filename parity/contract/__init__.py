"""The contract: the operations as data, with their arguments, outputs, probes and references."""
