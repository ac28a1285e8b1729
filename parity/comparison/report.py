"""What a comparison found, in words and tables for a person."""

from dataclasses import replace

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from parity.comparison.location import locate_mistake
from parity.comparison.result import CompareResult, Epoch, divergence_lines
from parity.comparison.steps import KINDS
from parity.experiment.prepare import Experiment, changes
from parity.experiment.published import FACTOR as FACTOR_OF_SPREAD
from parity.experiment.published import PublishedRow
from parity.recipes import find
from parity.system.console import Column, Rows, console, table, written
from parity.system.palette import NAMES
from parity.tolerance.table import FACTOR

__all__ = [
    "divergence_lines",
    "epoch_row",
    "epoch_rows",
    "headline",
    "published_table",
    "verdict",
]


def headline(experiment: Experiment) -> str:
    """What is about to run, and whose settings these are."""
    recipe, settings = experiment.recipe, experiment.settings
    images = ", ".join(f"{len(split):,} {name}" for name, split in experiment.splits.items())
    return (
        f"[bold]{recipe.name}[/]: {recipe.title}; {whose_settings(experiment)}\n"
        f"{settings.data} ({images}), {settings.dtype}, seed {settings.seed}; "
        f"batch {recipe.batch_size}, lr {recipe.lr:g}, weight decay {recipe.weight_decay:g}; "
        f"{recipe.epochs} epoch{'s' * (recipe.epochs > 1)}, {experiment.num_steps:,} steps"
    )


def whose_settings(experiment: Experiment) -> str:
    """The settings for the digits or the published ones, and which were chosen instead."""
    chosen = changes(experiment.settings)
    adapted = find(experiment.recipe.name).settings_for(experiment.settings.data)
    published = replace(find(experiment.recipe.name), on_digits=None)
    whose = "published settings" if adapted == published else "settings for the digits"
    return whose + (f", {' and '.join(chosen).replace('_', ' ')} changed" if chosen else "")


def epoch_rows(experiment: Experiment) -> Rows:
    """The head of a table with a row for each epoch."""
    console.print(f"loss and accuracy: of the {experiment.held_out} images", style="dim")
    console.print(CAPTION, style="dim")
    columns = [
        ("\nepoch", 5),
        ("loss\nNumPy", 9),
        ("\nPyTorch", 9),
        ("accuracy\nNumPy", 8),
        ("\nPyTorch", 8),
        *((f"Δ\n{kind}", max(7, len(kind))) for kind in KINDS),
        ("largest\nΔ", 7),
        ("allowance\nused", 9),
    ]
    all_but_largest = [*range(5 + len(KINDS)), 6 + len(KINDS)]
    few = [0, 1, 2, 3, 4, 5 + len(KINDS), 6 + len(KINDS)]
    return Rows(columns, all_but_largest, few)


def epoch_row(epoch: Epoch) -> list[str | Text]:
    """Test loss and accuracy of both backends after an epoch, and how far apart its steps were."""
    used = max(epoch.used.values())
    return [
        str(epoch.number),
        *(written(epoch.loss[backend]) for backend in ("numpy", "torch")),
        *(f"{epoch.accuracy[backend]:.2%}" for backend in ("numpy", "torch")),
        *(f"{epoch.difference[kind]:.1e}" for kind in KINDS),
        f"{max(epoch.difference.values()):.1e}",
        Text(percentage(used), style="green" if used <= 1 else "bold red"),
    ]


def percentage(share: float) -> str:
    """In per cent, or of a large one the first digits."""
    return f"{share:.0%}" if share < 1e4 else f"{100 * share:.1e}%"


CAPTION = (
    "Δ: the largest |NumPy - PyTorch| of any step, over the tensor's scale\n"
    "allowance used: NumPy's error over what rounding alone explains;\n"
    "  parity is at most 100%"
)


def verdict(result: CompareResult) -> str:
    """The answer in one paragraph."""
    steps, dtype = len(result.steps), result.experiment.settings.dtype
    interrupted = "[bold yellow]interrupted[/]: " if result.interrupted else ""
    tensors = 2 + 2 * len(result.experiment.initial)
    if result.first_divergence is not None:
        where = escape("\n".join(divergence_lines(result.first_divergence)))
        if result.file:
            step = next(step for step in result.steps if step.divergence)
            sentence = locate_mistake(result.first_divergence, step.used_by_tensor).sentence
            where += (
                f"\n{escape(sentence)}\n`parity check {escape(result.file)}` looks for the cause."
            )
        extent = f"{steps:,} step{'s' * (steps != 1)}"
        return f"{interrupted}[bold red]parity does not hold[/] in {dtype} ({extent}).\n{where}"
    held_out, accuracy = result.experiment.held_out, result.epochs[-1].accuracy
    horizon = result.noise_horizon
    lines = [
        f"{interrupted}[bold green]parity holds[/]: {tensors} tensors (logits, loss, gradients, "
        f"weights) agree to rounding at {result.extent}, {dtype}."
    ]
    if horizon is not None and result.resync:
        lines.append(
            f"At the other {result.jumps:,}, first at step {horizon:,}, rounding decides the sign "
            "of a ReLU's input and a gradient jumps, in equally valid runs as far."
        )
    elif horizon is not None:
        lines.append(
            f"Step {horizon:,} is the noise horizon: from there on rounding alone takes equally "
            "valid runs out of tolerance, or costs them half of their digits. The steps to "
            f"{steps:,} stay within that noise; --resync compares each step alone."
        )
    elif dtype == "float32":
        mine, theirs = (
            max(result.worst(f"{backend}_error").values()) for backend in ("numpy", "torch")
        )
        lines.append(
            f"Farthest from a float64 run: NumPy {mine:.1e}, PyTorch {theirs:.1e} of a tensor's "
            f"scale (at most {FACTOR:g} times as far is allowed, plus rounding)."
        )
    lines.append(
        f"Same answer on {result.prediction_agreement:.2%} of the {held_out} images; accuracy "
        f"{accuracy['numpy']:.2%} NumPy, {accuracy['torch']:.2%} PyTorch."
    )
    labels, numpy, torch = result.first_answers
    lines.append(
        f"The first {len(labels)} {held_out} images: {spaced(labels)}; NumPy says {spaced(numpy)}, "
        f"PyTorch {spaced(torch)}."
    )
    lines.append(
        "Time in training steps: "
        + ", ".join(f"{NAMES[backend]} {spent:.2f} s" for backend, spent in result.seconds.items())
        + "."
    )
    return "\n".join(lines)


def spaced(digits: list[int]) -> str:
    """Digits in a row."""
    return " ".join(map(str, digits))


def published_table(rows: list[PublishedRow]) -> Table:
    """The published figures beside both backends' own."""
    columns = [
        Column("where", "left"),
        Column("metric", "left"),
        *map(Column, ("published", "NumPy", "PyTorch", "tolerance", "within")),
    ]
    cells: list[list[str | Text]] = [
        [
            row.where,
            row.metric,
            *(f"{value:.4f}" for value in (row.published, row.numpy, row.torch, row.tolerance)),
            Text("yes", style="green") if row.within else Text("no", style="bold red"),
        ]
        for row in rows
    ]
    caption = f"tolerance: {FACTOR_OF_SPREAD:.1f} standard deviations of our figure over seeds"
    return table(columns, cells, title="Published figures", caption=caption)
