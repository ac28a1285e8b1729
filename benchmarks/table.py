"""A table of plain cells, shown in the terminal or as Markdown."""

from dataclasses import dataclass, field

from rich import box
from rich.table import Table as RichTable

__all__ = ["Table"]


@dataclass
class Table:
    """Titles and rows of text; the first `labels` columns are aligned left, the others right."""

    titles: list[str]
    labels: int = 1
    rows: list[list[str]] = field(default_factory=list)
    caption: str = ""

    def __rich__(self) -> RichTable:
        """The table as the terminal shows it."""
        rich = RichTable(box=box.SIMPLE_HEAD, padding=(0, 1))
        rich.caption, rich.caption_justify = self.caption, "left"
        for number, title in enumerate(self.titles):
            rich.add_column(title, justify="left" if number < self.labels else "right")
        for row in self.rows:
            rich.add_row(*row)
        return rich

    def markdown(self) -> str:
        """The table as Markdown."""
        rules = ["---" if number < self.labels else "---:" for number in range(len(self.titles))]
        lines = [self.titles, rules, *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)
