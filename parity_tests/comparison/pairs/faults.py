"""Faults to plant in the pairs: what is written, what is wrong, and where that has to be found."""

from typing import NamedTuple

__all__ = ["FAULTS", "Fault"]


class Fault(NamedTuple):
    """One replacement in the source of a pair, and the first wrong tensor's place."""

    right: str
    wrong: str
    phase: str
    layer: str  # PyTorch's module; empty for the output and the loss
    step: int = 1


TANH_MLP = [
    Fault('np.tanh(x @ params["W1"]', 'np.sin(x @ params["W1"]', "forward", ""),
    Fault('+ params["b2"]', '- params["b2"]', "forward", ""),
    Fault('a2 @ params["W3"] + params["b3"]', 'a2 @ params["W3"]', "forward", ""),
    Fault("((y - t) ** 2).mean()", "((y - t) ** 2).sum() / len(y)", "loss", ""),
    Fault("((y - t) ** 2).mean()", "np.abs(y - t).mean()", "loss", ""),
    Fault("dy = 2 * (y - t)", "dy = (y - t)", "backward", "fc3"),
    Fault("(y - t) / y.size", "(y - t) / len(y)", "backward", "fc3"),
    Fault('"W3": a2.T @ dy', '"W3": a2.T @ dy / 2', "backward", "fc3"),
    Fault('"b3": dy.sum(0)', '"b3": dy.mean(0)', "backward", "fc3"),
    Fault("(1 - a2**2)", "(1 - a2)", "backward", "fc2"),
    Fault("(1 - a2**2)", "(1 + a2**2)", "backward", "fc2"),
    Fault('dy @ params["W3"].T', '-dy @ params["W3"].T', "backward", "fc2"),
    Fault('"b2": dz2.sum(0)', '"b2": dz2.mean(0)', "backward", "fc2"),
    Fault('"W2": a1.T @ dz2', '"W2": np.abs(a1).T @ dz2', "backward", "fc2"),
    Fault("(1 - a1**2)", "(1 - a1**3)", "backward", "fc1"),
    Fault('"W1": x.T @ dz1', '"W1": x.T @ dz1 / len(x)', "backward", "fc1"),
    Fault('"b1": dz1.sum(0)', '"b1": dz1[0]', "backward", "fc1"),
    Fault("lr=0.05, weight_decay=0.01):", "lr=0.05, weight_decay=0.001):", "step", "fc1"),
    Fault("grad + weight_decay", "grad - weight_decay", "step", "fc1"),
    Fault("lr=0.05, weight_decay=0.01):", "lr=0.06, weight_decay=0.01):", "step", "fc1"),
    Fault(  # a stale cache
        "grads = backward(params, x, a1,",
        'grads = backward(params, x, vars(step).setdefault("a1", a1),',
        "backward",
        "fc2",
        step=2,
    ),
]

NGRAM = [
    Fault('["emb"][tokens].', '["emb"][tokens[:, ::-1]].', "forward", ""),
    Fault("np.tanh(e @", "np.arctan(e @", "forward", ""),
    Fault('+ params["b1"]', '- params["b1"]', "forward", ""),
    Fault('+ params["b2"]', '+ 2 * params["b2"]', "forward", ""),
    Fault("target]).mean()", "target]).sum()", "loss", ""),
    Fault("-np.log(p", "-np.log2(p", "loss", ""),
    Fault("target] -= 1", "target] -= 0.5", "backward", "fc2"),
    Fault("dlogits /= n", "dlogits /= VOCAB", "backward", "fc2"),
    Fault('"w2": dlogits.T @ h', '"w2": dlogits.T @ np.abs(h)', "backward", "fc2"),
    Fault('"b2": dlogits.sum(0)', '"b2": dlogits.mean(0)', "backward", "fc2"),
    Fault("(1 - h * h)", "(1 - h)", "backward", "fc1"),
    Fault("dh = dlogits @", "dh = p @", "backward", "fc1"),
    Fault('"w1": dz1.T @ e', '"w1": 2 * dz1.T @ e', "backward", "fc1"),
    Fault('"b1": dz1.sum(0)', '"b1": dz1.max(0)', "backward", "fc1"),
    Fault("np.add.at(demb, tokens, de)", "demb[tokens] += de", "backward", "emb"),
    Fault('(dz1 @ params["w1"])', '(dh @ params["w1"])', "backward", "emb"),
    Fault(
        ".reshape(n, CONTEXT, DIM)",
        ".reshape(n, DIM, CONTEXT).swapaxes(1, 2)",
        "backward",
        "emb",
    ),
    Fault("(1 - lr * decay)", "(1 - decay)", "step", "emb"),
    Fault("v / (1 - betas[1] ** step)", "v / (1 - betas[0] ** step)", "step", "emb"),
    Fault("m / (1 - betas[0] ** step)", "m / (1 - betas[0])", "step", "emb", step=2),
    Fault("moments[name] = m, v", "moments[name] = m, 0 * v", "step", "emb", step=2),
    Fault("np.sqrt(v_hat) + eps", "np.sqrt(v_hat + eps)", "step", "emb"),
    Fault("(step - 1) / STEPS", "step / STEPS", "step", "emb"),
]

BATCH_NORM = [
    Fault("((0, 0), (1, 1), (1, 1))", '((0, 0), (1, 1), (1, 1)), mode="edge"', "forward", ""),
    Fault("self.z.var((0, 2, 3))", "self.z.std((0, 2, 3))", "forward", ""),
    Fault("var + 1e-5", "var + 1e-3", "forward", ""),
    Fault("self.windows.max(-1)", "self.windows.mean(-1)", "forward", ""),
    Fault("else pooled * mask / KEEP", "else pooled * mask", "forward", ""),
    Fault("self.fc.T + self.fc_bias", "self.fc.T - self.fc_bias", "forward", ""),
    Fault("np.exp(-np.abs(logits))", "np.exp(np.abs(logits))", "loss", ""),
    Fault("return loss.mean()", "return loss.sum() / len(loss)", "loss", ""),
    Fault("- target) / target.size", "- target) / len(target)", "backward", "fc"),
    Fault("dout.T @ self.h", "dout.T @ np.abs(self.h)", "backward", "fc"),
    Fault("self.h, dout.sum(0)", "self.h, dout.mean(0)", "backward", "fc"),
    Fault(
        "(dout @ self.fc) * self.mask / KEEP", "(dout @ self.fc) * self.mask", "backward", "pool"
    ),
    Fault("(dout @ self.fc) * self.mask / KEEP", "(dout @ self.fc) / KEEP", "backward", "pool"),
    Fault(
        "np.put_along_axis(dwindows, self.arg[..., None], self.dpool[..., None], -1)",
        "dwindows += self.dpool[..., None] / 4",
        "backward",
        "bn",
    ),
    Fault(
        "(0, 1, 2, 4, 3, 5).reshape(self.z", "(0, 1, 2, 3, 4, 5).reshape(self.z", "backward", "bn"
    ),
    Fault("(dy * self.xhat).sum", "(dy * self.z).sum", "backward", "bn"),
    Fault("dy.sum((0, 2, 3))", "dy.mean((0, 2, 3))", "backward", "bn"),
    Fault("dxhat - mean_d - self.xhat", "dxhat - self.xhat", "backward", "conv"),
    Fault("- self.xhat * mean_dx", "+ self.xhat * mean_dx", "backward", "conv"),
    Fault("mean_dx) / self.std", "mean_dx)", "backward", "conv"),
    Fault("dxhat = dy * self.gamma[:, None, None]", "dxhat = dy", "backward", "conv", step=2),
    Fault("self.dconv, self.cols)", "self.dconv, self.cols)[:, ::-1]", "backward", "conv"),
    Fault("var * self.n / (self.n - 1)", "var", "step", "bn"),
    Fault("0.9 * self.running_mean + 0.1", "0.1 * self.running_mean + 0.9", "step", "bn"),
    Fault(
        "mean, var = self.running_mean, self.running_var",
        "mean, var = self.z.mean((0, 2, 3)), self.z.var((0, 2, 3))",
        "evaluate",
        "",
        step=3,
    ),
]

RECURRENT = [
    Fault("np.tanh(E", "np.sin(E", "loss", ""),
    Fault("hs[-1] @ Wh.T", "hs[0] @ Wh.T", "loss", ""),
    Fault("Wh.T + b)", "Wh.T - b)", "loss", ""),
    Fault("@ Wx.T", "@ Wx", "loss", ""),
    Fault("hs[-1] @ Wh.T", "hs[-1] @ Wh", "loss", ""),
    Fault(".mean() / TIME", ".mean()", "loss", ""),
    Fault("logits = h @ E.T", "logits = 2 * h @ E.T", "loss", ""),
    Fault("dlogits /= n * TIME", "dlogits /= n", "backward", "h2h"),
    Fault("targets[:, t]] -= 1", "tokens[:, t]] -= 1", "backward", "h2h"),
    Fault("dE += dlogits.T @ hs[t + 1]", "dE += dlogits.T @ hs[t]", "backward", "emb"),
    Fault("dE += dlogits", "dE = dlogits", "backward", "emb"),
    Fault("dlogits @ E + dnext", "dlogits @ E", "backward", "h2h"),
    Fault("(1 - hs[t + 1] ** 2)", "(1 - hs[t] ** 2)", "backward", "h2h"),
    Fault("(1 - hs[t + 1] ** 2)", "(1 - hs[t + 1])", "backward", "h2h"),
    Fault("dWx += dz.T", "dWx = dz.T", "backward", "x2h"),
    Fault("dWx += dz.T", "dWx += dh.T", "backward", "x2h"),
    Fault("dWh += dz.T @ hs[t]", "dWh += dz.T @ hs[t + 1]", "backward", "h2h"),
    Fault("db += dz.sum(0)", "db += dz.mean(0)", "backward", "h2h"),
    Fault("np.add.at(dE, tokens[:, t], dz @ Wx)", "dE[tokens[:, t]] += dz @ Wx", "backward", "emb"),
    Fault("tokens[:, t], dz @ Wx)", "tokens[:, t], dz @ Wx.T)", "backward", "emb"),
    Fault("dnext = dz @ Wh", "dnext = dz @ Wh.T", "backward", "h2h"),
    Fault("dnext = dz @ Wh", "dnext = dh @ Wh", "backward", "h2h"),
    Fault("weight -= lr * grad", "weight -= lr * grad / 2", "step", "emb"),
]

TRANSFORMER = [
    Fault("xc = x - x.mean(-1", "xc = x - x.mean(1", "forward", ""),
    Fault("+ 1e-5", "+ 1e-4", "forward", ""),
    Fault("k.swapaxes(-1, -2) / root", "k.swapaxes(-1, -2)", "forward", ""),
    Fault("np.tri(TIME, dtype", "np.tri(TIME, k=1, dtype", "forward", ""),
    Fault("a /= a.sum(-1", "a /= a.sum(-2", "forward", ""),
    Fault("x2 = x + mixed", "x2 = n1 + mixed", "forward", ""),
    Fault("y = x2 + h", "y = n2 + h", "forward", ""),
    Fault("** 2).mean()\n\n", "** 2).sum()\n\n", "loss", ""),
    Fault("dy = 2 * (y", "dy = (y", "backward", "down"),
    Fault('grads["down"]) * (h > 0)', 'grads["down"])', "backward", "up"),
    Fault('return dy @ p["W"].T', 'return dy @ p["W"].T / 2', "backward", "up"),
    Fault("dy), dy.sum((0, 1))", "dy), dy.mean((0, 1))", "backward", "down"),
    Fault('= np.einsum("nti', '= -np.einsum("nti', "backward", "down"),
    Fault("dx2 = dy + norm_backward", "dx2 = norm_backward", "backward", "proj"),
    Fault("(dy * xhat).sum((0, 1)), dy", "(dy + xhat).sum((0, 1)), dy", "backward", "ln2"),
    Fault("- xhat * (d * xhat)", "- (d * xhat)", "backward", "proj"),
    Fault("keepdims=True)) / std", "keepdims=True))", "backward", "proj"),
    Fault('d = dy * p["g"]', "d = dy", "backward", "proj", step=2),
    Fault("da - (da * a).sum(-1, keepdims=True)", "da - a", "backward", "k"),
    Fault("keepdims=True)) / root", "keepdims=True))", "backward", "k"),
    Fault("ds.swapaxes(-1, -2) @ q", "ds @ q", "backward", "k"),
    Fault("a.swapaxes(-1, -2) @ dmixed", "a @ dmixed", "backward", "v"),
    Fault("dq, dk = ds @ k", "dq, dk = ds @ k / 2", "backward", "q"),
    Fault("dn1 = sum(", "dn1 = 2 * sum(", "backward", "ln1"),
    Fault("-= lr * grad", "-= lr * np.sign(grad)", "step", "ln1"),
]

FAULTS = {
    "tanh_mlp": TANH_MLP,
    "ngram": NGRAM,
    "batch_norm": BATCH_NORM,
    "recurrent": RECURRENT,
    "transformer": TRANSFORMER,
}
