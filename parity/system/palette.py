"""The colors by Okabe and Ito, which colour-blind people tell apart, for pictures and pages."""

__all__ = ["AMBER", "BLUE", "GREEN", "GREY", "NAMES", "ORANGE", "PINK", "BACKENDS"]

BLUE, ORANGE, AMBER, GREEN, PINK = "#0072B2", "#D55E00", "#E69F00", "#009E73", "#CC79A7"
GREY = "#555555"

BACKENDS = {"numpy": BLUE, "torch": ORANGE}
NAMES = {"numpy": "NumPy", "torch": "PyTorch"}
