"""Mistakes to plant in the pairs: what is written, what is wrong, and where it has to be found."""

from typing import NamedTuple

__all__ = ["MISTAKES", "Mistake"]


class Mistake(NamedTuple):
    """One replacement in the source of a pair, and the first wrong tensor's place."""

    right: str
    wrong: str
    phase: str
    layer: str  # PyTorch's module; empty for the output and the loss
    step: int = 1


TANH_MLP = [
    Mistake('np.tanh(x @ params["W1"]', 'np.sin(x @ params["W1"]', "forward", ""),
    Mistake('+ params["b2"]', '- params["b2"]', "forward", ""),
    Mistake('a2 @ params["W3"] + params["b3"]', 'a2 @ params["W3"]', "forward", ""),
    Mistake("((y - t) ** 2).mean()", "((y - t) ** 2).sum() / len(y)", "loss", ""),
    Mistake("((y - t) ** 2).mean()", "np.abs(y - t).mean()", "loss", ""),
    Mistake("dy = 2 * (y - t)", "dy = (y - t)", "backward", "fc3"),
    Mistake("(y - t) / y.size", "(y - t) / len(y)", "backward", "fc3"),
    Mistake('"W3": a2.T @ dy', '"W3": a2.T @ dy / 2', "backward", "fc3"),
    Mistake('"b3": dy.sum(0)', '"b3": dy.mean(0)', "backward", "fc3"),
    Mistake("(1 - a2**2)", "(1 - a2)", "backward", "fc2"),
    Mistake("(1 - a2**2)", "(1 + a2**2)", "backward", "fc2"),
    Mistake('dy @ params["W3"].T', '-dy @ params["W3"].T', "backward", "fc2"),
    Mistake('"b2": dz2.sum(0)', '"b2": dz2.mean(0)', "backward", "fc2"),
    Mistake('"W2": a1.T @ dz2', '"W2": np.abs(a1).T @ dz2', "backward", "fc2"),
    Mistake("(1 - a1**2)", "(1 - a1**3)", "backward", "fc1"),
    Mistake('"W1": x.T @ dz1', '"W1": x.T @ dz1 / len(x)', "backward", "fc1"),
    Mistake('"b1": dz1.sum(0)', '"b1": dz1[0]', "backward", "fc1"),
    Mistake("lr=0.05, weight_decay=0.01):", "lr=0.05, weight_decay=0.001):", "step", "fc1"),
    Mistake("grad + weight_decay", "grad - weight_decay", "step", "fc1"),
    Mistake("lr=0.05, weight_decay=0.01):", "lr=0.06, weight_decay=0.01):", "step", "fc1"),
    Mistake(  # a stale cache
        "grads = backward(params, x, a1,",
        'grads = backward(params, x, vars(step).setdefault("a1", a1),',
        "backward",
        "fc2",
        step=2,
    ),
]

NGRAM = [
    Mistake('["emb"][tokens].', '["emb"][tokens[:, ::-1]].', "forward", ""),
    Mistake("np.tanh(e @", "np.arctan(e @", "forward", ""),
    Mistake('+ params["b1"]', '- params["b1"]', "forward", ""),
    Mistake('+ params["b2"]', '+ 2 * params["b2"]', "forward", ""),
    Mistake("target]).mean()", "target]).sum()", "loss", ""),
    Mistake("-np.log(p", "-np.log2(p", "loss", ""),
    Mistake("target] -= 1", "target] -= 0.5", "backward", "fc2"),
    Mistake("dlogits /= n", "dlogits /= VOCAB", "backward", "fc2"),
    Mistake('"w2": dlogits.T @ h', '"w2": dlogits.T @ np.abs(h)', "backward", "fc2"),
    Mistake('"b2": dlogits.sum(0)', '"b2": dlogits.mean(0)', "backward", "fc2"),
    Mistake("(1 - h * h)", "(1 - h)", "backward", "fc1"),
    Mistake("dh = dlogits @", "dh = p @", "backward", "fc1"),
    Mistake('"w1": dz1.T @ e', '"w1": 2 * dz1.T @ e', "backward", "fc1"),
    Mistake('"b1": dz1.sum(0)', '"b1": dz1.max(0)', "backward", "fc1"),
    Mistake("np.add.at(demb, tokens, de)", "demb[tokens] += de", "backward", "emb"),
    Mistake('(dz1 @ params["w1"])', '(dh @ params["w1"])', "backward", "emb"),
    Mistake(
        ".reshape(n, CONTEXT, DIM)",
        ".reshape(n, DIM, CONTEXT).swapaxes(1, 2)",
        "backward",
        "emb",
    ),
    Mistake("(1 - lr * decay)", "(1 - decay)", "step", "emb"),
    Mistake("v / (1 - betas[1] ** step)", "v / (1 - betas[0] ** step)", "step", "emb"),
    Mistake("m / (1 - betas[0] ** step)", "m / (1 - betas[0])", "step", "emb", step=2),
    Mistake("moments[name] = m, v", "moments[name] = m, 0 * v", "step", "emb", step=2),
    Mistake("np.sqrt(v_hat) + eps", "np.sqrt(v_hat + eps)", "step", "emb"),
    Mistake("(step - 1) / STEPS", "step / STEPS", "step", "emb"),
]

BATCH_NORM = [
    Mistake("((0, 0), (1, 1), (1, 1))", '((0, 0), (1, 1), (1, 1)), mode="edge"', "forward", ""),
    Mistake("self.z.var((0, 2, 3))", "self.z.std((0, 2, 3))", "forward", ""),
    Mistake("var + 1e-5", "var + 1e-3", "forward", ""),
    Mistake("self.windows.max(-1)", "self.windows.mean(-1)", "forward", ""),
    Mistake("else pooled * mask / KEEP", "else pooled * mask", "forward", ""),
    Mistake("self.fc.T + self.fc_bias", "self.fc.T - self.fc_bias", "forward", ""),
    Mistake("np.exp(-np.abs(logits))", "np.exp(np.abs(logits))", "loss", ""),
    Mistake("return loss.mean()", "return loss.sum() / len(loss)", "loss", ""),
    Mistake("- target) / target.size", "- target) / len(target)", "backward", "fc"),
    Mistake("dout.T @ self.h", "dout.T @ np.abs(self.h)", "backward", "fc"),
    Mistake("self.h, dout.sum(0)", "self.h, dout.mean(0)", "backward", "fc"),
    Mistake(
        "(dout @ self.fc) * self.mask / KEEP", "(dout @ self.fc) * self.mask", "backward", "pool"
    ),
    Mistake("(dout @ self.fc) * self.mask / KEEP", "(dout @ self.fc) / KEEP", "backward", "pool"),
    Mistake(
        "np.put_along_axis(dwindows, self.arg[..., None], self.dpool[..., None], -1)",
        "dwindows += self.dpool[..., None] / 4",
        "backward",
        "bn",
    ),
    Mistake(
        "(0, 1, 2, 4, 3, 5).reshape(self.z", "(0, 1, 2, 3, 4, 5).reshape(self.z", "backward", "bn"
    ),
    Mistake("(dy * self.xhat).sum", "(dy * self.z).sum", "backward", "bn"),
    Mistake("dy.sum((0, 2, 3))", "dy.mean((0, 2, 3))", "backward", "bn"),
    Mistake("dxhat - mean_d - self.xhat", "dxhat - self.xhat", "backward", "conv"),
    Mistake("- self.xhat * mean_dx", "+ self.xhat * mean_dx", "backward", "conv"),
    Mistake("mean_dx) / self.std", "mean_dx)", "backward", "conv"),
    Mistake("dxhat = dy * self.gamma[:, None, None]", "dxhat = dy", "backward", "conv", step=2),
    Mistake("self.dconv, self.cols)", "self.dconv, self.cols)[:, ::-1]", "backward", "conv"),
    Mistake("var * self.n / (self.n - 1)", "var", "step", "bn"),
    Mistake("0.9 * self.running_mean + 0.1", "0.1 * self.running_mean + 0.9", "step", "bn"),
    Mistake(
        "mean, var = self.running_mean, self.running_var",
        "mean, var = self.z.mean((0, 2, 3)), self.z.var((0, 2, 3))",
        "evaluate",
        "",
        step=3,
    ),
]

RECURRENT = [
    Mistake("np.tanh(E", "np.sin(E", "loss", ""),
    Mistake("hs[-1] @ Wh.T", "hs[0] @ Wh.T", "loss", ""),
    Mistake("Wh.T + b)", "Wh.T - b)", "loss", ""),
    Mistake("@ Wx.T", "@ Wx", "loss", ""),
    Mistake("hs[-1] @ Wh.T", "hs[-1] @ Wh", "loss", ""),
    Mistake(".mean() / TIME", ".mean()", "loss", ""),
    Mistake("logits = h @ E.T", "logits = 2 * h @ E.T", "loss", ""),
    Mistake("dlogits /= n * TIME", "dlogits /= n", "backward", "h2h"),
    Mistake("targets[:, t]] -= 1", "tokens[:, t]] -= 1", "backward", "h2h"),
    Mistake("dE += dlogits.T @ hs[t + 1]", "dE += dlogits.T @ hs[t]", "backward", "emb"),
    Mistake("dE += dlogits", "dE = dlogits", "backward", "emb"),
    Mistake("dlogits @ E + dnext", "dlogits @ E", "backward", "h2h"),
    Mistake("(1 - hs[t + 1] ** 2)", "(1 - hs[t] ** 2)", "backward", "h2h"),
    Mistake("(1 - hs[t + 1] ** 2)", "(1 - hs[t + 1])", "backward", "h2h"),
    Mistake("dWx += dz.T", "dWx = dz.T", "backward", "x2h"),
    Mistake("dWx += dz.T", "dWx += dh.T", "backward", "x2h"),
    Mistake("dWh += dz.T @ hs[t]", "dWh += dz.T @ hs[t + 1]", "backward", "h2h"),
    Mistake("db += dz.sum(0)", "db += dz.mean(0)", "backward", "h2h"),
    Mistake(
        "np.add.at(dE, tokens[:, t], dz @ Wx)", "dE[tokens[:, t]] += dz @ Wx", "backward", "emb"
    ),
    Mistake("tokens[:, t], dz @ Wx)", "tokens[:, t], dz @ Wx.T)", "backward", "emb"),
    Mistake("dnext = dz @ Wh", "dnext = dz @ Wh.T", "backward", "h2h"),
    Mistake("dnext = dz @ Wh", "dnext = dh @ Wh", "backward", "h2h"),
    Mistake("weight -= lr * grad", "weight -= lr * grad / 2", "step", "emb"),
]

TRANSFORMER = [
    Mistake("xc = x - x.mean(-1", "xc = x - x.mean(1", "forward", ""),
    Mistake("+ 1e-5", "+ 1e-4", "forward", ""),
    Mistake("k.swapaxes(-1, -2) / root", "k.swapaxes(-1, -2)", "forward", ""),
    Mistake("np.tri(TIME, dtype", "np.tri(TIME, k=1, dtype", "forward", ""),
    Mistake("a /= a.sum(-1", "a /= a.sum(-2", "forward", ""),
    Mistake("x2 = x + mixed", "x2 = n1 + mixed", "forward", ""),
    Mistake("y = x2 + h", "y = n2 + h", "forward", ""),
    Mistake("** 2).mean()\n\n", "** 2).sum()\n\n", "loss", ""),
    Mistake("dy = 2 * (y", "dy = (y", "backward", "down"),
    Mistake('grads["down"]) * (h > 0)', 'grads["down"])', "backward", "up"),
    Mistake('return dy @ p["W"].T', 'return dy @ p["W"].T / 2', "backward", "up"),
    Mistake("dy), dy.sum((0, 1))", "dy), dy.mean((0, 1))", "backward", "down"),
    Mistake('= np.einsum("nti', '= -np.einsum("nti', "backward", "down"),
    Mistake("dx2 = dy + norm_backward", "dx2 = norm_backward", "backward", "proj"),
    Mistake("(dy * xhat).sum((0, 1)), dy", "(dy + xhat).sum((0, 1)), dy", "backward", "ln2"),
    Mistake("- xhat * (d * xhat)", "- (d * xhat)", "backward", "proj"),
    Mistake("keepdims=True)) / std", "keepdims=True))", "backward", "proj"),
    Mistake('d = dy * p["g"]', "d = dy", "backward", "proj", step=2),
    Mistake("da - (da * a).sum(-1, keepdims=True)", "da - a", "backward", "k"),
    Mistake("keepdims=True)) / root", "keepdims=True))", "backward", "k"),
    Mistake("ds.swapaxes(-1, -2) @ q", "ds @ q", "backward", "k"),
    Mistake("a.swapaxes(-1, -2) @ dmixed", "a @ dmixed", "backward", "v"),
    Mistake("dq, dk = ds @ k", "dq, dk = ds @ k / 2", "backward", "q"),
    Mistake("dn1 = sum(", "dn1 = 2 * sum(", "backward", "ln1"),
    Mistake("-= lr * grad", "-= lr * np.sign(grad)", "step", "ln1"),
]

MISTAKES = {
    "tanh_mlp": TANH_MLP,
    "ngram": NGRAM,
    "batch_norm": BATCH_NORM,
    "recurrent": RECURRENT,
    "transformer": TRANSFORMER,
}
