"""The pages: one for each student, and the teacher's. Each is one file, whole in itself.

What came from a student is text in them, escaped: nothing of it runs in the browser.
"""

from collections.abc import Sequence
from html import escape
from urllib.parse import quote

from parity.checking.report import FINE, paragraph_as_html
from parity.grading.marks import Mark
from parity.grading.settings import Show
from parity.grading.summary import Summary, bar
from parity.grading.words import reason, shown
from parity.system import html

__all__ = ["student_page", "teacher_page"]


def student_page(mark: Mark, show: Show) -> str:
    """The points of each name, and a paragraph for each that is wrong."""
    title = f"{mark.submission.student}: {mark.total:g} of {mark.max:g} points"
    rows = [
        (name, result.status, f"{mark.points[name]:g} of {mark.most[name]:g}", reason(result, show))
        for name, result in mark.results.items()
    ]
    parts = [f"<p>{escape(mark.submission.file)}</p>", *map(paragraph, mark.notes)]
    if mark.problem:
        parts.append(f"<p><b>{escape(mark.problem)}</b></p>")
    parts.append(html.table(("name", "verdict", "points", "why"), rows, words=True))
    if not mark.problem or any(one.status in ("pass", "partial") for one in mark.results.values()):
        wrong = [one for one in mark.results.values() if one.status not in FINE]
        parts += [paragraph_as_html(shown(one, show)) for one in wrong]
    return html.page(title, *parts)


def paragraph(text: str) -> str:
    """The text as a paragraph."""
    return f"<p>{escape(text)}</p>"


def teacher_page(
    marks: Sequence[Mark], folders: Sequence[str], summary: Summary, remarks: Sequence[str]
) -> str:
    """The summary, and a row for each student with the way to the page."""
    bars = [(points, count, bar(count, summary.students)) for points, count in summary.distribution]
    parts = [
        f"<p><b>{escape(summary.in_short)}</b></p>",
        html.table(("points", "students", ""), bars, words=True),
    ]
    tables = [
        ("Mistakes", ("name", "mistake", "students"), summary.mistakes),
        ("Most did not write", ("name", "students"), summary.missing),
        ("Files that did not run", ("student", "file", "why"), summary.not_run),
        (
            "Files that are alike",
            ("students", "similarity"),
            [
                (", ".join(group.students), "equal" if group.least == 1 else f"{group.least:.0%}")
                for group in summary.alike
            ],
        ),
    ]
    for title, header, rows in tables:
        if rows:
            parts += [f"<h2>{title}</h2>", html.table(header, rows, words=True)]
    if summary.alike:
        parts.append(paragraph(ALIKE))
    parts += ["<h2>Students</h2>", students(marks, folders), *map(paragraph, remarks)]
    return html.page(f"Grades of {summary.students} students", *parts)


ALIKE = (
    "Alike means: equal but for names, comments, docstrings and layout, the template left out. "
    "It is a reason to look, and no proof."
)


def students(marks: Sequence[Mark], folders: Sequence[str]) -> str:
    """A row for each student."""
    rows = "".join(
        f'<tr><td><a href="students/{quote(folder)}/report.html">'
        f"{escape(mark.submission.student)}</a></td><td>{escape(mark.submission.file)}</td>"
        f"<td>{mark.total:g} of {mark.max:g}</td></tr>"
        for mark, folder in zip(marks, folders, strict=True)
    )
    head = "<tr><th>student</th><th>file</th><th>points</th></tr>"
    return f'<table class="words"><thead>{head}</thead><tbody>{rows}</tbody></table>'
