"""What every report says in the same words: counts, verdict, blast radius, why not to fail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from posixpath import join, normpath
from textwrap import dedent

from migsafe.model.finding import Finding
from migsafe.model.fix_for import Trouble
from migsafe.model.outcome import Blast, Observation
from migsafe.model.report import ReplaySummary, Report
from migsafe.model.rule import Severity
from migsafe.report import populations

_ENOUGH_FOR_AN_INTERVAL = 10  # fewer databases say so little that a range would only look exact


def printable(text: str) -> str:
    """The text in one line, with what would steer a terminal (or a reader's eye) written out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\t" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def count(number: int, noun: str) -> str:
    """The number and its noun, in the plural where it has to be."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def percent(share: float) -> str:
    """A share from 0 to 1 in per cent, without the sign."""
    return f"{100 * share:.1f}" if 0 < share < 0.01 else f"{100 * share:.0f}"


def head(report: Report) -> str:
    """What was read or replayed, and how long it took."""
    replay, shard = report.replay, report.shard
    read = count(report.migrations, "migration")
    if replay is None:
        return f"read {count(report.statements, 'statement')} of {read} in {report.seconds:.2f} s"
    if not replay.cases and shard:
        return f"checked nothing: no sample is in part {shard.number} of {shard.of}"
    if not replay.cases:
        return "checked nothing: no sample could be read"
    part = f", part {shard.number} of {shard.of}" if shard else ""
    pending = count(report.migrations, "pending migration")
    return f"checked {pending} on {_where(replay)}{part}"


def _where(replay: ReplaySummary) -> str:
    versions = count(replay.revisions, "version")
    samples = count(replay.samples, "old database") if replay.samples else "an empty database"
    of = f" of {versions}" if replay.samples else ""
    return f"{samples}{of}: {count(replay.cases, 'replay')} in {replay.seconds:.1f} s"


def verdict(report: Report) -> str:
    """The conclusion, and the number of open findings of each severity above a note."""
    counts = [
        count(n, str(severity))
        for severity in sorted(Severity, reverse=True)
        if (n := _number(report, severity)) and severity > Severity.NOTE
    ]
    if report.fix_for is not None:
        counts += populations.failing(report.fix_for)
    return f"{report.conclusion}: {', '.join(counts) or 'nothing found'}{_let_pass(report)}"


def _number(report: Report, severity: Severity) -> int:
    return sum(f.severity is severity and f.open for f in report.findings)


def _let_pass(report: Report) -> str:
    if report.max_blast is None:
        return ""
    severe = [f for f in report.findings if f.open and f.severity >= report.fail_on]
    passed = sum(not report.fails(f) for f in severe)
    share = percent(report.max_blast)
    return f"; --max-blast {share} % lets {count(passed, 'finding')} pass" if passed else ""


def why_not(finding: Finding) -> str:
    """Why a finding does not count, "" where it does."""
    if finding.released:
        return f"history: released in {printable(finding.released)}"
    if finding.suppressed:
        until = f" until {finding.suppressed.until}" if finding.suppressed.until else ""
        return f"allowed{until}: {printable(finding.suppressed.reason)}"
    return f"in the baseline since {finding.baselined}" if finding.baselined else ""


def reach(finding: Finding) -> str:
    """The blast radius of a finding in a sentence, "" where none is known."""
    blast = finding.blast
    if blast is None:
        return ""
    what = "the app would not start" if finding.severity is Severity.BLOCKER else "seen"
    text = f"{what} on {blast.failing:,} of {count(blast.sampled, 'sampled database')}"
    if len(blast.versions) > 1:
        hit = [f"{v}: {k:,} of {n:,}" for v, k, n in blast.versions if k]
        text += f" ({', '.join(hit)})"
    if blast.sampled >= _ENOUGH_FOR_AN_INTERVAL:
        low, high = percent(blast.low), percent(blast.high)
        text += f", about {percent(blast.share)} % of users ({low} to {high} %)"
    return printable(text)


def by_version(blast: Blast) -> str:
    """The hits of every version, also of those without any."""
    return ", ".join(f"{v}: {k:,} of {n:,}" for v, k, n in blast.versions)


def remedy(finding: Finding) -> tuple[str, str]:
    """What to do instead: its first line, and the rest (mostly SQL), "" for none."""
    lines = map(printable, dedent(finding.remedy).strip("\n").split("\n"))
    first, _, rest = "\n".join(lines).partition("\n")
    return first, dedent(rest).strip("\n")


def said(finding: Finding) -> Iterator[str]:
    """The sentences of a finding, the message first, each in one printable line."""
    yield printable(finding.message)
    yield from map(printable, finding.detail)
    if finding.blast:
        yield reach(finding)


def seen(observation: Observation) -> str:
    """A failure of the replay in a few words: its kind, what it is about, the engine's message."""
    names = ".".join(n for n in (observation.table, observation.column) if n) or observation.name
    about = observation.error or observation.detail
    return printable(": ".join(t for t in (observation.kind, names, about) if t))


def placed(report: Report, path: str) -> str:
    """The path from the root of the repository, as forges want it, with forward slashes."""
    return normpath(join(report.where, path))


def troubles(report: Report) -> Iterator[tuple[str, Trouble]]:
    """What a hotfix makes of each kind of database: whose trouble it is, and the trouble."""
    if report.fix_for is not None:
        for population in report.fix_for.populations:
            yield from ((f"databases {population.kind}", t) for t in population.troubles)


def shown(finding: Finding) -> bool:
    """Is it worth a line where there is little room: open, and more than a bare remark?"""
    return finding.open and (finding.severity > Severity.NOTE or finding.blast is not None)


def by_origin(replay: ReplaySummary) -> Iterator[tuple[str, int, int]]:
    """(version, databases, those on which the app would not start), in the samples' order."""
    broken = {path for g in replay.groups if g.launch for path in g.samples}
    hit = Counter(d.version for d in replay.databases if d.path in broken)
    for version, number in Counter(d.version for d in replay.databases).items():
        yield version, number, hit[version]
