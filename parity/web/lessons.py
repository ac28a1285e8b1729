r"""What a teacher writes on the board: the formula of each function, and its derivation in steps.

Formulas are LaTeX here and MathML on the page. L is the loss, dy = ∂L/∂y comes from above.
"""

from dataclasses import dataclass
from functools import cache

from latex2mathml.converter import convert

__all__ = ["LESSONS", "Lesson", "mathml"]


@dataclass(frozen=True)
class Lesson:
    """A formula, and the steps that lead to it: a sentence and what it says as a formula."""

    formula: str
    steps: tuple[tuple[str, str], ...] = ()


@cache
def mathml(latex: str) -> str:
    """The formula as MathML, set as a block."""
    return convert(latex, display="block")


LESSONS = {
    "linear": Lesson(
        r"y = x W^{\top} + b, \qquad y_{no} = \sum_i x_{ni} W_{oi} + b_o",
        (
            (
                "One output of one example is a weighted sum of its inputs.",
                r"y_o = \sum_i W_{oi} x_i + b_o",
            ),
            (
                "PyTorch keeps a row of W for each output, so a batch of rows x is multiplied by "
                "the transpose.",
                r"(N, \mathit{in}) \cdot (\mathit{in}, \mathit{out}) \to (N, \mathit{out})",
            ),
        ),
    ),
    "linear_backward": Lesson(
        r"dx = dy\, W, \qquad dW = dy^{\top} x, \qquad db = \sum_n dy_n",
        (
            (
                "An input reaches the loss through every output.",
                r"\frac{\partial L}{\partial x_{"
                r"ni}} = \sum_o dy_{no} \frac{\partial y_{no}}{\partial x_{ni}} = \sum_o dy_{no} "
                r"W_{oi}",
            ),
            (
                "A weight serves every example of the batch, so their shares are added.",
                r"\frac{\partial L}{\partial W_{oi}} = \sum_n dy_{no}\, x_{ni}",
            ),
            (
                "A bias is a weight whose input is 1.",
                r"\frac{\partial L}{\partial b_o} = \sum_n dy_{no}",
            ),
        ),
    ),
    "sigmoid": Lesson(
        r"y = \sigma(x) = \frac{1}{1 + e^{-x}}",
        (
            ("Odds that grow by the factor e with each unit of x:", r"\frac{y}{1 - y} = e^{x}"),
            ("Solved for y, this is the sigmoid, between 0 and 1.", r"y = \frac{1}{1 + e^{-x}}"),
        ),
    ),
    "sigmoid_backward": Lesson(
        r"dx = dy \; y\,(1 - y)",
        (
            ("The derivative of the quotient:", r"\frac{dy}{dx} = \frac{e^{-x}}{(1 + e^{-x})^2}"),
            (
                "It splits into two factors that are known from the forward.",
                r"\frac{1}{1 + e^{-x}} \cdot \frac{e^{-x}}{1 + e^{-x}} = y\,(1 - y)",
            ),
            ("The chain rule multiplies by what comes from above.", r"dx = dy \; y\,(1 - y)"),
        ),
    ),
    "relu": Lesson(
        r"y = \max(x, 0)",
        (
            (
                "A positive number passes, any other becomes 0.",
                r"y = x \text{ if } x > 0, \text{ else } 0",
            ),
        ),
    ),
    "relu_backward": Lesson(
        r"dx = dy \text{ where } y > 0, \text{ else } 0",
        (
            (
                "The slope is 1 on the right and 0 on the left.",
                r"\frac{dy}{dx} = 1 \text{ if } x > 0, \text{ else } 0",
            ),
            (
                "At 0 there is a kink and no derivative; PyTorch takes 0, and so do we.",
                r"dx = dy \cdot [\,y > 0\,]",
            ),
        ),
    ),
    "softmax": Lesson(
        r"y_i = \frac{e^{x_i}}{\sum_j e^{x_j}}",
        (
            (
                "Positive numbers that sum to 1, in the proportion of the exponentials:",
                r"y_i = \frac{e^{x_i}}{\sum_j e^{x_j}}",
            ),
            (
                "A constant taken off every x cancels. With the maximum taken off, no exponential "
                "overflows.",
                r"\frac{e^{x_i - m}}{\sum_j e^{x_j - m}} = \frac{e^{x_i}}{\sum_j e^{x_j}}, \qquad "
                r"m = \max_j x_j",
            ),
        ),
    ),
    "softmax_backward": Lesson(
        r"dx_i = y_i \left( dy_i - \sum_j dy_j\, y_j \right)",
        (
            (
                "Each output depends on each input.",
                r"\frac{\partial y_j}{\partial x_i} = y_j \left( [\,i = j\,] - y_i \right)",
            ),
            (
                "The chain rule sums over the outputs.",
                r"dx_i = \sum_j dy_j\, y_j \left( [\,i = j\,] - y_i \right)",
            ),
            ("Only one term has i = j.", r"dx_i = y_i\, dy_i - y_i \sum_j dy_j\, y_j"),
        ),
    ),
    "log_softmax": Lesson(
        r"y_i = x_i - \log \sum_j e^{x_j}",
        (
            (
                "The logarithm of the softmax:",
                r"\log \frac{e^{x_i}}{\sum_j e^{x_j}} = x_i - "
                r"\log \sum_j e^{x_j}",
            ),
            (
                "With the maximum taken off first it is finite for any logits, where the logarithm "
                "of a probability of 0 would not be.",
                r"y_i = (x_i - m) - \log \sum_j e^{x_j - m}",
            ),
        ),
    ),
    "log_softmax_backward": Lesson(
        r"dx_i = dy_i - e^{y_i} \sum_j dy_j",
        (
            (
                "Each output depends on its own input, and on all through the sum.",
                r"\frac{\partial y_j}{\partial x_i} = [\,i = j\,] - \mathrm{softmax}(x)_i",
            ),
            (
                "The chain rule sums over the outputs.",
                r"dx_i = dy_i - \mathrm{softmax}(x)_i \sum_j dy_j",
            ),
            (
                "The softmax is the exponential of what the forward returned.",
                r"\mathrm{softmax}(x)_i = e^{y_i}",
            ),
        ),
    ),
    "cross_entropy": Lesson(
        r"L = -\frac{1}{N} \sum_n \log \mathrm{softmax}(x_n)_{t_n}",
        (
            (
                "The likelihood of the right classes t is the product of their probabilities.",
                r"\prod_n \mathrm{softmax}(x_n)_{t_n}",
            ),
            (
                "Its negative logarithm, as a mean over the batch, is the loss.",
                r"L = -\frac{1}{N} \sum_n \left( x_{n t_n} - \log \sum_j e^{x_{nj}} \right)",
            ),
        ),
    ),
    "cross_entropy_backward": Lesson(
        r"dx_{ni} = \frac{dL}{N} \left( \mathrm{softmax}(x_n)_i - [\,i = t_n\,] \right)",
        (
            ("For one example, the loss is", r"L_n = \log \sum_j e^{x_j} - x_t"),
            (
                "The derivative of the first term is the softmax.",
                r"\frac{\partial}{\partial x_i} \log \sum_j e^{x_j} = "
                r"\frac{e^{x_i}}{\sum_j e^{x_j}}",
            ),
            (
                "That of the second is 1 at the right class. The mean divides by N.",
                r"\frac{\partial L}{\partial x_{ni}} = \frac{1}{N} "
                r"\left( \mathrm{softmax}(x_n)_i - [\,i = t_n\,] \right)",
            ),
        ),
    ),
    "conv2d": Lesson(
        r"y_{o h w} = b_o + \sum_{c, i, j} W_{o c i j}\; x_{c,\; s h + i,\; s w + j}",
        (
            (
                "At each stop, the window of the image is multiplied by the kernel, element by "
                "element, and summed.",
                r"y_{o h w} = b_o + \sum_{c, i, j} W_{o c i j}\; x_{c,\; s h + i,\; s w + j}",
            ),
            (
                "With the windows laid out as the columns of a matrix, all stops are one product.",
                r"y_{(o)(hw)} = W_{(o)(cij)}\; \mathrm{unfold}(x)_{(cij)(hw)} + b_o",
            ),
        ),
    ),
    "conv2d_backward": Lesson(
        r"dW = dy\; \mathrm{unfold}(x)^{\top}, \qquad dx = \mathrm{fold}(W^{\top} dy), \qquad "
        r"db_o = \sum_{n, h, w} dy_{n o h w}",
        (
            (
                "The forward is a matrix product, so the backward of linear applies.",
                r"dW = dy\; \mathrm{unfold}(x)^{\top}, \qquad d\,\mathrm{unfold}(x) = W^{\top} dy",
            ),
            (
                "A pixel lies in several windows; fold adds what each of them sends back.",
                r"dx_{c p q} = \sum_{s h + i = p,\; s w + j = q}\; \sum_o W_{o c i j}\; dy_{o h w}",
            ),
        ),
    ),
    "avg_pool2d": Lesson(
        r"y_{c h w} = \frac{1}{k^2} \sum_{i, j < k} x_{c,\; s h + i,\; s w + j}",
        (
            (
                "The mean of each window of k by k pixels.",
                r"y_{c h w} = \frac{1}{k^2} \sum_{i, j < k} x_{c,\; s h + i,\; s w + j}",
            ),
        ),
    ),
    "avg_pool2d_backward": Lesson(
        r"dx_{c p q} = \frac{1}{k^2} \sum_{\text{windows with } (p, q)} dy_{c h w}",
        (
            (
                "Every pixel of a window has the same share in its mean.",
                r"\frac{\partial y_{c h w}}{\partial x_{c p q}} = \frac{1}{k^2}",
            ),
            (
                "A pixel that lies in several windows gets the sum.",
                r"dx_{c p q} = \frac{1}{k^2} \sum_{\text{windows with } (p, q)} dy_{c h w}",
            ),
        ),
    ),
    "sgd_step": Lesson(
        r"p \leftarrow p - \eta\,(g + \lambda p)",
        (
            ("L2 adds a penalty to the loss.", r"L + \frac{\lambda}{2} \lVert p \rVert^2"),
            (
                "Its gradient is λp; the step goes against the gradient of both.",
                r"p \leftarrow p - \eta\,(g + \lambda p)",
            ),
        ),
    ),
    "adam_step": Lesson(
        r"p \leftarrow p - \eta\, \frac{\hat m}{\sqrt{\hat v} + \varepsilon}",
        (
            (
                "Running means of the gradient and of its square:",
                r"m \leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad v \leftarrow \beta_2 v + "
                r"(1 - \beta_2)\, g^2",
            ),
            (
                "They begin at 0, and are too small by these factors after t steps.",
                r"\hat m = \frac{m}{1 - \beta_1^t}, \qquad \hat v = \frac{v}{1 - \beta_2^t}",
            ),
            (
                "The step is the mean over the typical size.",
                r"p \leftarrow p - \eta\, \frac{\hat m}{\sqrt{\hat v} + \varepsilon}",
            ),
        ),
    ),
    "tanh": Lesson(
        r"y = \tanh(x) = \frac{e^{x} - e^{-x}}{e^{x} + e^{-x}}",
        (
            (
                "A sigmoid that is stretched to between -1 and 1.",
                r"\tanh(x) = 2\,\sigma(2x) - 1",
            ),
        ),
    ),
    "tanh_backward": Lesson(
        r"dx = dy\,(1 - y^2)",
        (
            (
                "By the quotient rule, with numerator s and denominator c:",
                r"\frac{dy}{dx} = \frac{c^2 - s^2}{c^2} = 1 - y^2",
            ),
        ),
    ),
    "max_pool2d": Lesson(
        r"y_{c h w} = \max_{i, j < k}\; x_{c,\; s h + i,\; s w + j}",
        (
            (
                "The largest of each window of k by k pixels.",
                r"y_{c h w} = \max_{i, j < k}\; x_{c,\; s h + i,\; s w + j}",
            ),
        ),
    ),
    "max_pool2d_backward": Lesson(
        r"dx_{c p q} = \sum_{\text{windows whose maximum is at } (p, q)} dy_{c h w}",
        (
            (
                "Only the pixel that won has a slope, and it is 1. Of equal ones the first wins.",
                r"\frac{\partial y}{\partial x_{p q}} = [\,(p, q) = \mathrm{argmax}\,]",
            ),
        ),
    ),
    "batch_norm": Lesson(
        r"y = \gamma\, \hat x + \beta, \qquad "
        r"\hat x = \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}}",
        (
            (
                "Mean and variance are those of the batch, for each channel alone.",
                r"\mu = \frac{1}{m} \sum x, \qquad \sigma^2 = \frac{1}{m} \sum (x - \mu)^2",
            ),
        ),
    ),
    "batch_norm_backward": Lesson(
        r"dx = \frac{\gamma}{\sqrt{\sigma^2 + \varepsilon}} \left( dy - \overline{dy} - "
        r"\hat x\, \overline{dy\, \hat x} \right)",
        (
            (
                "Scale and shift are those of a linear layer with input x̂.",
                r"d\gamma = \sum dy\, \hat x, \qquad d\beta = \sum dy",
            ),
            (
                "An input moves the mean and the variance, too. What the mean undoes is the mean "
                "of dy; what the variance undoes is the part of dy along x̂.",
                r"dx = \frac{\gamma}{\sqrt{\sigma^2 + \varepsilon}} \left( dy - \overline{dy} - "
                r"\hat x\, \overline{dy\, \hat x} \right)",
            ),
        ),
    ),
    "dropout": Lesson(
        r"y = \frac{x \odot \mathit{mask}}{1 - p}",
        (
            (
                "Each number is kept with probability 1 - p; the division keeps the mean.",
                r"E[y] = \frac{(1 - p)\, x}{1 - p} = x",
            ),
        ),
    ),
    "dropout_backward": Lesson(
        r"dx = \frac{dy \odot \mathit{mask}}{1 - p}",
        (
            (
                "The forward is linear, with this slope.",
                r"\frac{dy}{dx} = \frac{\mathit{mask}}{1 - p}",
            ),
        ),
    ),
    "momentum_step": Lesson(
        r"v \leftarrow \mu v + g, \qquad p \leftarrow p - \eta\, v",
        (
            (
                "A step goes on in the direction of those before; with a constant gradient it "
                "grows to",
                r"v \to \frac{g}{1 - \mu}",
            ),
        ),
    ),
    "rmsprop_step": Lesson(
        r"v \leftarrow \alpha v + (1 - \alpha)\, g^2, \qquad p \leftarrow p - \eta\, "
        r"\frac{g}{\sqrt{v} + \varepsilon}",
        (
            (
                "The gradient is divided by its typical size, so every weight moves about as fast.",
                r"\left| \frac{g}{\sqrt{v}} \right| \approx 1",
            ),
        ),
    ),
    "adamw_step": Lesson(
        r"p \leftarrow p - \eta \lambda p - \eta\, \frac{\hat m}{\sqrt{\hat v} + \varepsilon}",
        (
            (
                "Adam, but the weights decay by themselves: λ does not go through the gradient, "
                "where Adam would divide it away.",
                r"p \leftarrow (1 - \eta \lambda)\, p - \eta\, "
                r"\frac{\hat m}{\sqrt{\hat v} + \varepsilon}",
            ),
        ),
    ),
    "SoftmaxRegression": Lesson(r"z = x W^{\top} + b, \qquad p = \mathrm{softmax}(z)"),
    "FeedForward": Lesson(r"z = W_2\, \sigma(W_1 x + b_1) + b_2, \qquad p = \mathrm{softmax}(z)"),
    "ConvNet": Lesson(
        r"x \to \mathrm{relu}(\mathrm{conv}_1) \to \mathrm{relu}(\mathrm{conv}_2) \to "
        r"\mathrm{relu}(\mathrm{conv}_3) \to \mathrm{mean}"
    ),
    "SGD": Lesson(
        r"v \leftarrow \mu v + (1 - d)\,(g + \lambda p), \qquad p \leftarrow p - \eta\, v"
    ),
    "Adam": Lesson(r"p \leftarrow p - \eta\, \frac{\hat m}{\sqrt{\hat v} + \varepsilon}"),
    "steps": Lesson(
        r"\text{forward} \to \text{loss} \to \text{backward} \to p \leftarrow p - \eta\, "
        r"\nabla_p L"
    ),
    "evaluate": Lesson(
        r"L = \frac{1}{M} \sum_m L_m, \qquad \text{accuracy} = \frac{1}{M} \sum_m "
        r"[\,\mathrm{argmax}_i\, x_{mi} = t_m\,]"
    ),
}
