"""Is a backward the derivative of its forward? By differences in float64, and against autograd."""

from parity.gradients.gradcheck import GradcheckResult, gradcheck

__all__ = ["GradcheckResult", "gradcheck"]
