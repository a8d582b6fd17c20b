"""The report for people: one screen, the most important first, every number earned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from textwrap import dedent, indent

from migsafe.model.evidence import NotRun
from migsafe.model.finding import Finding, Smallest
from migsafe.model.outcome import Blast
from migsafe.model.report import Conclusion, MutationScore, ReplaySummary, Report, Rewrite
from migsafe.model.rule import Severity
from migsafe.report import populations

Style = Callable[[str, str], str]
"""(text, what it is) -> the text, coloured or not; what: a severity, path, rule, dim or good."""

_ENOUGH_FOR_AN_INTERVAL = 10  # fewer databases say so little that a range would only look exact
_SOURCE_WIDTH = 100
_MUTANTS = 20  # unnoticed mutants that are listed without -v


def plain(text: str, _: str) -> str:
    """The style without colours."""
    return text


def printable(text: str) -> str:
    """The text in one line, with what would steer a terminal (or a reader's eye) written out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\t" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def render(report: Report, style: Style = plain, verbosity: int = 0) -> str:
    """The whole report; `verbosity` -1 leaves out notes and what was checked, 1 shows all."""
    lines: list[str] = []
    if verbosity >= 0:
        lines += [_head(report), ""]
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
            ("allowed", _count(kinds["allowed"], "suppressed finding")),
            ("released", f"{_count(kinds['released'], 'finding')} in released migrations"),
            ("baselined", f"{_count(kinds['baselined'], 'finding')} in the baseline"),
            ("note", _count(kinds["note"], "note")),
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


def _why_not(finding: Finding) -> str:
    """Why a finding does not count, "" where it does."""
    if finding.released:
        return f"history: released in {printable(finding.released)}"
    if finding.suppressed:
        until = f" until {finding.suppressed.until}" if finding.suppressed.until else ""
        return f"allowed{until}: {printable(finding.suppressed.reason)}"
    return f"in the baseline since {finding.baselined}" if finding.baselined else ""


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _head(report: Report) -> str:
    read = _count(report.migrations, "migration")
    if report.replay is None:
        return f"read {_count(report.statements, 'statement')} of {read} in {report.seconds:.2f} s"
    if not report.replay.cases:
        return "checked nothing: no sample could be read"
    return f"checked {_count(report.migrations, 'pending migration')} on {_where(report.replay)}"


def _where(replay: ReplaySummary) -> str:
    versions = _count(replay.revisions, "version")
    samples = _count(replay.samples, "old database") if replay.samples else "an empty database"
    of = f" of {versions}" if replay.samples else ""
    return f"{samples}{of}: {_count(replay.cases, 'replay')} in {replay.seconds:.1f} s"


def _finding(finding: Finding, style: Style, verbosity: int, told: dict[str, str]) -> Iterator[str]:
    """The lines of one finding. `told` are the remedies that were shown, each with its place."""
    place = f"{printable(finding.path)}:{finding.line}"
    severity = style(f"{finding.severity!s:8}", str(finding.severity))
    yield f"{severity} {style(place, 'path')}  {style(finding.rule, 'rule')}"
    yield from _source(finding)
    for line in finding.detail:
        yield f"  {printable(line)}"
    if finding.blast:
        yield f"  {_blast(finding)}"
        if verbosity >= 1:
            yield f"  {_versions(finding.blast)}"
    if finding.smallest:
        yield f"  {_smallest(finding.smallest)}"
    if not finding.open:
        yield style(f"  {_why_not(finding)}", "dim")
        return
    if finding.severity > Severity.NOTE:
        before = told.get(finding.remedy)
        if before is not None:
            yield style(f"  instead: as at {before}", "dim")
            return
        told[finding.remedy] = f"{printable(finding.path)}:{finding.line}"
        yield from _remedy(finding)
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


def _blast(finding: Finding) -> str:
    blast = finding.blast
    assert blast is not None
    what = "the app would not start" if finding.severity is Severity.BLOCKER else "seen"
    text = f"{what} on {blast.failing:,} of {_count(blast.sampled, 'sampled database')}"
    if len(blast.versions) > 1:
        hit = [f"{v}: {k:,} of {n:,}" for v, k, n in blast.versions if k]
        text += f" ({', '.join(hit)})"
    if blast.sampled >= _ENOUGH_FOR_AN_INTERVAL:
        low, high = _percent(blast.low), _percent(blast.high)
        text += f", about {_percent(blast.share)} % of users ({low} to {high} %)"
    return text


def _versions(blast: Blast) -> str:
    parts = (f"{v}: {k:,} of {n:,}" for v, k, n in blast.versions)
    return f"by version: {', '.join(parts)}"


def _smallest(smallest: Smallest) -> str:
    return f"smallest database: {_count(smallest.rows, 'row')} ({printable(smallest.path)})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}" if 0 < share < 0.01 else f"{100 * share:.0f}"


def _remedy(finding: Finding) -> Iterator[str]:
    first, _, rest = dedent(finding.remedy).strip("\n").partition("\n")
    yield f"  instead: {first}"
    if rest.strip():
        yield indent(dedent(rest).strip("\n"), "      ")


def _not_run(item: NotRun, style: Style) -> str:
    return style(printable(f"not run: {item.what} ({item.why})"), "dim")


def _rewrite(item: Rewrite, style: Style) -> str:
    place = style(f"{printable(item.path)}:{item.line}", "path")
    head = "fixed:" if item.done else "not fixed:"
    return f"{head} {place}  {style(item.rule, 'rule')} ({printable(item.what)})"


def _verdict(report: Report, style: Style) -> str:
    counts = [
        _count(n, str(severity))
        for severity in sorted(Severity, reverse=True)
        if (n := _number(report, severity)) and severity > Severity.NOTE
    ]
    if report.fix_for is not None:
        counts += populations.failing(report.fix_for)
    text = f"{report.conclusion}: {', '.join(counts) or 'nothing found'}"
    match report.conclusion:
        case Conclusion.SAFE:
            return style(text, "good")
        case Conclusion.UNSAFE:
            return style(text, "blocker")
        case Conclusion.UNCHECKED:
            return style(text, "warning")


def _number(report: Report, severity: Severity) -> int:
    return sum(f.severity is severity and f.open for f in report.findings)
