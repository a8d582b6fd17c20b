"""Markdown for a job summary or a comment: the verdict, tables, the top findings, what was not run.

GitHub takes a job summary of at most 1 MiB for a step; findings are left out, the last first, where
the text would come near that. Nothing that comes from a migration can end a code block, make a link
or mention somebody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from migsafe.model.finding import Finding
from migsafe.model.report import Report
from migsafe.report import populations, words

MOST_BYTES = 900_000
_MOST_ROWS = 200  # of a table or a list
_MOST_ROW_BYTES = 100_000  # of a table or a list
_TOP = 20  # findings that are told in full
_WIDTH = 500  # characters of one cell or line of code
_MARKS = re.compile(r"([\\`*_\[\]<>|~&$]|:(?=//)|(?<=www)\.|^\s*\d*[-+#=.)])")
_MENTION = re.compile(r"@(?=\w)")


def render(report: Report) -> str:
    """The report in GitHub's Markdown, at most `MOST_BYTES` bytes long."""
    shown = [f for f in report.findings if words.shown(f)]
    head = "\n".join((*_head(report), *_table(report, shown), *_versions(report)))
    tail = "\n".join(("", *_tail(report, shown)))
    left = MOST_BYTES - _size(head) - _size(tail) - 200  # 200: the line about what is left out
    blocks: list[str] = []
    told: dict[str, str] = {}
    for finding in shown[:_TOP]:
        block = "\n".join(_told(report, finding, told))
        left -= _size(block) + 1
        if left < 0:
            break
        blocks.append(block)
    more = len(shown) - len(blocks)
    rest = [f"\n{more:,} more: in the table, or in the log"] if more else []
    return "\n".join((head, *blocks, *rest, tail)).rstrip("\n") + "\n"


def _size(text: str) -> int:
    return len(text.encode())


def _head(report: Report) -> Iterator[str]:
    yield f"## migsafe {report.command}: {_text(words.verdict(report))}"
    yield ""
    yield _text(words.head(report))
    if report.fix_for is not None:
        yield ""
        yield from _fenced(populations.lines(report.fix_for, lambda text, _: text, 0))


def _table(report: Report, findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        return
    yield ""
    yield "| severity | where | hazard | what | seen |"
    yield "|---|---|---|---|---|"
    yield from _few([_row(report, f) for f in findings])


def _row(report: Report, f: Finding) -> str:
    place = _code(_place(report, f))
    severity = f"**{f.severity}**" if report.fails(f) else str(f.severity)
    cells = (severity, place, _code(f.rule), _text(f.message), _text(words.reach(f)))
    return f"| {' | '.join(cells)} |"


def _versions(report: Report) -> Iterator[str]:
    if report.replay is None or not report.replay.samples:
        return
    yield ""
    yield "| from version | old databases | the app would not start on |"
    yield "|---|---:|---:|"
    yield from _few(
        [f"| {_text(v)} | {n:,} | {k:,} |" for v, n, k in words.by_origin(report.replay)]
    )


def _told(report: Report, finding: Finding, told: dict[str, str]) -> Iterator[str]:
    """One finding in full. `told` are the remedies that were shown, each with its place."""
    yield ""
    yield f"### {finding.severity}: {_code(finding.rule)} at {_code(_place(report, finding))}"
    if finding.source:
        yield ""
        yield from _fenced([finding.source], "sql")
    for sentence in words.said(finding):
        yield ""
        yield _text(sentence)
    before = told.setdefault(finding.remedy, _place(report, finding))
    if before != _place(report, finding):
        yield ""
        yield f"Instead: as at {_code(before)}"
        return
    yield from _advice(finding)


def _advice(finding: Finding) -> Iterator[str]:
    first, rest = words.remedy(finding)
    if first:
        yield ""
        yield f"Instead: {_text(first)}"
    if rest:
        yield ""
        yield from _fenced(rest.split("\n"), "sql")
    yield ""
    yield f"More: {_code(f'migsafe rules explain {finding.rule}')}"


def _place(report: Report, finding: Finding) -> str:
    return f"{words.placed(report, finding.path)}:{finding.line}"


def _tail(report: Report, shown: list[Finding]) -> Iterator[str]:
    failed = [n for n in report.not_run if n.failed]
    quiet = [n for n in report.not_run if not n.failed]
    yield from _listed("Could not check", (f"{n.what} ({n.why})" for n in failed))
    yield from _listed("Not run", (f"{n.what} ({n.why})" for n in quiet))
    yield from _listed("Notes", (f"{n.what} ({n.why})" for n in report.notes))
    closed = [f for f in report.findings if not f.open]
    lines = (f"{_place(report, f)} {f.rule}: {words.why_not(f)}" for f in closed)
    yield from _folded("Does not count", lines)
    hidden = len(report.findings) - len(shown) - len(closed)
    if hidden:
        yield ""
        yield f"{words.count(hidden, 'note')}: `migsafe {report.command} -v` shows them"


def _listed(title: str, lines: Iterable[str]) -> Iterator[str]:
    items = [_text(line) for line in lines]
    if items:
        yield f"\n**{title} ({len(items):,})**\n"
        yield from _few([f"- {item}" for item in items])


def _folded(title: str, lines: Iterable[str]) -> Iterator[str]:
    items = [_text(line) for line in lines]
    if items:
        yield f"\n<details><summary>{title} ({len(items):,})</summary>\n"
        yield from _few([f"- {item}" for item in items])
        yield "\n</details>"


def _few(rows: Sequence[str]) -> Iterator[str]:
    """The first rows; whoever made them says elsewhere how many there are."""
    room = _MOST_ROW_BYTES
    for row in rows[:_MOST_ROWS]:
        room -= _size(row)
        if room < 0:
            return
        yield row


def _text(text: str) -> str:
    """Text that Markdown shows as it stands, in one line."""
    safe = _MARKS.sub(_escaped, _cut(words.printable(text).strip()))
    return _MENTION.sub("@<!-- -->", safe)


def _escaped(mark: re.Match[str]) -> str:
    return f"{mark[0][:-1]}\\{mark[0][-1]}"


def _code(text: str) -> str:
    """A span of code, also in a table, whatever its text holds."""
    text = _cut(words.printable(text)).replace("|", "\\|")
    fence = "`" * (_longest_run(text) + 1)
    room = " " if "`" in text else ""
    return f"{fence}{room}{text}{room}{fence}"


def _fenced(lines: Iterable[str], language: str = "text") -> Iterator[str]:
    """A block of code that no line of it can end."""
    body = [_cut(words.printable(line)) for line in lines]
    fence = "`" * max(3, _longest_run("\n".join(body)) + 1)
    yield f"{fence}{language}"
    yield from body
    yield fence


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."
