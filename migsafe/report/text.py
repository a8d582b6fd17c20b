"""The report for people: one screen, the most important first, every number earned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from textwrap import indent

from migsafe.model.evidence import NotRun
from migsafe.model.finding import Finding, Smallest
from migsafe.model.report import Conclusion, MutationScore, Report, Rewrite
from migsafe.model.rule import Severity
from migsafe.report import populations, words
from migsafe.report.words import count, printable

__all__ = ["Style", "finding_text", "plain", "printable", "render"]

Style = Callable[[str, str], str]
"""(text, what it is) -> the text, coloured or not; what: a severity, path, rule, dim or good."""

_SOURCE_WIDTH = 100
_MUTANTS = 20  # unnoticed mutants that are listed without -v


def plain(text: str, _: str) -> str:
    """The style without colours."""
    return text


def render(report: Report, style: Style = plain, verbosity: int = 0) -> str:
    """The whole report; `verbosity` -1 leaves out notes and what was checked, 1 shows all."""
    lines: list[str] = []
    if verbosity >= 0:
        lines += [words.head(report), ""]
    if report.fix_for is not None:
        lines += [*populations.lines(report.fix_for, style, verbosity), ""]
    shown = [f for f in report.findings if _shown(f, verbosity)]
    told: dict[str, str] = {}
    for finding in shown:
        lines += [*_finding(finding, style, verbosity, told), ""]
    if verbosity >= 0:
        if report.replay and report.replay.mutants:
            lines += [*_mutants(report.replay.mutants, style, verbosity), ""]
        lines += [_rewrite(r, style) for r in report.rewrites or ()]
        lines += [_not_run(n, style) for n in report.not_run]
        lines += [style(printable(f"note: {n.what} ({n.why})"), "dim") for n in report.notes]
        lines += _hidden(report, shown)
    lines.append(_verdict(report, style))
    return "\n".join(lines) + "\n"


def _mutants(score: MutationScore, style: Style, verbosity: int) -> Iterator[str]:
    missed = score.unnoticed
    rest = "; what your samples and probes do not see:" if missed else ""
    yield f"mutants: {score.noticed:,} of {score.tried:,} noticed{rest}"
    shown = missed if verbosity >= 1 else missed[:_MUTANTS]
    for mutant in shown:
        place = f"{printable(mutant.path)}:{mutant.line}"
        yield f"  {style(place, 'path')}  {printable(mutant.what)}"
    if len(shown) < len(missed):
        yield style(f"  and {len(missed) - len(shown):,} more (-v shows them)", "dim")


def finding_text(finding: Finding) -> str:
    """One finding as it stands in the report, without colours."""
    return "\n".join(_finding(finding, plain, 0, {}))


def _shown(finding: Finding, verbosity: int) -> bool:
    if not finding.open and verbosity < 1:
        return False
    return verbosity >= 1 or finding.severity > Severity.NOTE or finding.blast is not None


def _hidden(report: Report, shown: list[Finding]) -> Iterator[str]:
    rest = [f for f in report.findings if f not in shown]
    kinds = Counter(_kind(f) for f in rest)
    parts = [
        text
        for kind, text in (
            ("allowed", count(kinds["allowed"], "suppressed finding")),
            ("released", f"{count(kinds['released'], 'finding')} in released migrations"),
            ("baselined", f"{count(kinds['baselined'], 'finding')} in the baseline"),
            ("note", count(kinds["note"], "note")),
        )
        if kinds[kind]
    ]
    if parts:
        said = ", ".join(parts[:-1]) + (" and " if parts[:-1] else "") + parts[-1]
        yield f"not shown: {said} (-v shows them)"


def _kind(finding: Finding) -> str:
    if finding.released:
        return "released"
    if finding.suppressed:
        return "allowed"
    return "baselined" if finding.baselined else "note"


def _finding(finding: Finding, style: Style, verbosity: int, told: dict[str, str]) -> Iterator[str]:
    """The lines of one finding. `told` are the remedies that were shown, each with its place."""
    place = f"{printable(finding.path)}:{finding.line}"
    severity = style(f"{finding.severity!s:8}", str(finding.severity))
    yield f"{severity} {style(place, 'path')}  {style(finding.rule, 'rule')}"
    yield from _source(finding)
    for line in finding.detail:
        yield f"  {printable(line)}"
    if finding.blast:
        yield f"  {words.reach(finding)}"
        if verbosity >= 1:
            yield f"  by version: {printable(words.by_version(finding.blast))}"
    if finding.smallest:
        yield f"  {_smallest(finding.smallest)}"
    if not finding.open:
        yield style(f"  {words.why_not(finding)}", "dim")
        return
    if finding.severity > Severity.NOTE:
        before = told.get(finding.remedy)
        if before is not None:
            yield style(f"  instead: as at {before}", "dim")
            return
        told[finding.remedy] = place
        first, rest = words.remedy(finding)
        yield f"  instead: {first}"
        if rest:
            yield indent(rest, "      ")
        yield style(f"  more: migsafe rules explain {finding.rule}", "dim")


def _source(finding: Finding) -> Iterator[str]:
    message = printable(finding.message)
    if not finding.source:
        yield f"  {message}"
        return
    number = f"{finding.line:>4}"
    yield f"{number} | {_cut(printable(finding.source))}"
    yield f"     | ^ {message}"


def _cut(text: str) -> str:
    return text if len(text) <= _SOURCE_WIDTH else text[: _SOURCE_WIDTH - 3] + "..."


def _smallest(smallest: Smallest) -> str:
    return f"smallest database: {count(smallest.rows, 'row')} ({printable(smallest.path)})"


def _not_run(item: NotRun, style: Style) -> str:
    return style(printable(f"not run: {item.what} ({item.why})"), "dim")


def _rewrite(item: Rewrite, style: Style) -> str:
    place = style(f"{printable(item.path)}:{item.line}", "path")
    head = "fixed:" if item.done else "not fixed:"
    return f"{head} {place}  {style(item.rule, 'rule')} ({printable(item.what)})"


def _verdict(report: Report, style: Style) -> str:
    text = words.verdict(report)
    match report.conclusion:
        case Conclusion.SAFE:
            return style(text, "good")
        case Conclusion.UNSAFE:
            return style(text, "blocker")
        case Conclusion.UNCHECKED:
            return style(text, "warning")
