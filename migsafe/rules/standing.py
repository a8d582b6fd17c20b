"""What a finding counts for: allowed by the settings, history since a release, in the baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase

from migsafe import baseline
from migsafe.baseline import Entry
from migsafe.config import Config, Suppress
from migsafe.facts.suppressions import judged, too_long
from migsafe.model.finding import Finding, Suppression
from migsafe.model.migration import History
from migsafe.model.release import State
from migsafe.model.report import Note
from migsafe.model.rule import Needs, Rule, Severity

_UNUSED = "there is nothing to allow any more: take it out"
SOON = 14
"""Days before the end of a suppression from which on the report says so."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What decides on a finding beside itself.

    `complete`: all rules that need no more than this, but the `unasked`, were asked of everything
    there is; `entries` are the baseline's; `everything`: nothing is allowed, nothing put off.
    """

    config: Config
    history: History
    focus: frozenset[str]
    today: date
    ruleset: tuple[Rule, ...]
    complete: Needs
    unasked: frozenset[str] = frozenset()
    entries: tuple[Entry, ...] = ()
    everything: bool = False

    def asked(self, rule_id: str) -> bool:
        """Was this rule asked of everything, so that its silence means something?"""
        rule = next((r for r in self.ruleset if r.id == rule_id), None)
        if rule is None or rule.off or rule_id in self.unasked:
            return False
        return self.history.dialect in rule.dialects and rule.needs <= self.complete

    @property
    def whole(self) -> bool:
        """Is every migration of the project in focus?"""
        return all(m.revision in self.focus for m in self.history.migrations)


@dataclass(frozen=True, slots=True)
class Standing:
    """The findings as they count, notes about what allows them, and what the baseline has too much.

    `gone` are the keys of baseline entries and how many findings of each are mended.
    """

    findings: tuple[Finding, ...]
    notes: tuple[Note, ...] = ()
    gone: tuple[tuple[str, int], ...] = ()


def standing(findings: Iterable[Finding], c: Circumstances) -> Standing:
    """Say of each finding whether it counts, and of each suppression whether it is of use."""
    found = tuple(_history(findings, c.history))
    if c.everything:
        return Standing(tuple(replace(f, suppressed=None) for f in found))
    holding = [s for s in c.config.suppress if not _fault(s, c)]
    found = tuple(_allowed(f, holding, c) for f in found)
    found = tuple(_baselined(found, c.entries))
    notes = (*_of_comments(found, c), *_of_settings(found, c), *_of_disabled(c))
    gone = tuple(_gone(found, c))
    return Standing(found, (*notes, *_of_baseline(gone, c)), gone)


# -- released -------------------------------------------------------------------------------------


def _history(findings: Iterable[Finding], history: History) -> Iterator[Finding]:
    """What stands in a released migration cannot be mended there any more."""
    same = [r for r in history.released if r.state is State.SAME]
    versions = {r.revision: r.version for r in same}
    files = {m.path: versions[m.revision] for m in history.migrations if m.revision in versions}
    for finding in findings:
        version = versions.get(finding.revision) or files.get(finding.path, "")
        yield replace(finding, released=version) if version else finding


# -- allowed by the settings ----------------------------------------------------------------------


def _allowed(finding: Finding, holding: list[Suppress], c: Circumstances) -> Finding:
    if finding.suppressed:
        return finding
    for s in holding:
        if _speaks_of(s, finding):
            file = c.config.file.name if c.config.file else ""
            made = Suppression(s.rule, file, 0, (0, 0), s.reason, s.until)
            return replace(finding, suppressed=made)
    return finding


def _speaks_of(s: Suppress, finding: Finding) -> bool:
    return s.rule == finding.rule and fnmatchcase(finding.path, s.path)


def _fault(s: Suppress, c: Circumstances) -> str:
    """Why a suppression of the settings does not hold, "" where it does."""
    if s.until and s.until < c.today.isoformat():
        return f"it ended on {s.until}"
    return too_long(s.until, c.today, c.config.rules.max_suppression_days)


# -- the baseline ---------------------------------------------------------------------------------


def _baselined(findings: Iterable[Finding], entries: tuple[Entry, ...]) -> Iterator[Finding]:
    left = {e.key: e.count for e in entries}
    by_key = {e.key: e for e in entries}
    for finding in findings:
        entry = by_key.get(baseline.key(finding)) if left and finding.open else None
        if entry is None or not left[entry.key] or finding.severity > entry.severity:
            yield finding
            continue
        left[entry.key] -= 1
        yield replace(finding, baselined=entry.added)


def _gone(findings: Iterable[Finding], c: Circumstances) -> Iterator[tuple[str, int]]:
    there = Counter(baseline.key(f) for f in findings if f.baselined)
    known = {rule.id for rule in c.ruleset}
    for entry in c.entries:
        if not _looked_at(entry.path, c) or not (c.asked(entry.rule) or entry.rule not in known):
            continue
        if there[entry.key] < entry.count:
            yield entry.key, entry.count - there[entry.key]


def _looked_at(path: str, c: Circumstances) -> bool:
    """Did this run look at everything that a finding in this file needs?"""
    revisions = [m.revision for m in c.history.migrations if m.path == path]
    alone = len(c.config.migrations) == 1
    if not revisions:
        return alone and c.whole and (c.config.root / path).exists()
    return all(r in c.focus for r in revisions)


# -- notes ----------------------------------------------------------------------------------------


def _of_comments(findings: tuple[Finding, ...], c: Circumstances) -> Iterator[Note]:
    past = {r.revision for r in c.history.released if r.state is State.SAME}
    for migration in c.history.migrations:
        if migration.revision not in c.focus or migration.revision in past:
            continue
        for comment in judged(migration, c.today, c.config.rules.max_suppression_days):
            s = comment.suppression
            if not comment.holds:
                continue
            about = (f for f in findings if (f.rule, f.path) == (s.rule, s.path))
            there = [f for f in about if s.lines[0] <= f.line <= s.lines[1]]
            what, place = f"allow {s.rule}", f"{s.path}:{s.line}"
            yield from _remarks(what, place, s.until, there, c)
            if not there and c.asked(s.rule):
                yield Note(what, f"{place}: {_UNUSED}")


def _of_settings(findings: tuple[Finding, ...], c: Circumstances) -> Iterator[Note]:
    file = c.config.file.name if c.config.file else ""
    for s in c.config.suppress:
        what, place = f"suppress {s.rule}", f"{file}, path {s.path}"
        fault = _fault(s, c)
        if fault:
            yield Note(what, f"{place}: it does not hold: {fault}")
            continue
        there = [f for f in findings if _speaks_of(s, f)]
        yield from _remarks(what, place, s.until, there, c)
        if not there and c.whole and c.asked(s.rule):
            yield Note(what, f"{place}: {_UNUSED}", everywhere=True)


def _of_disabled(c: Circumstances) -> Iterator[Note]:
    for d in c.config.rules.disable:
        yield from _ending(f"rule {d.rule}", "[rules] disable", d.until, c)


def _remarks(
    what: str, place: str, until: str, there: Iterable[Finding], c: Circumstances
) -> Iterator[Note]:
    yield from _ending(what, place, until, c)
    if not until and any(f.severity is Severity.BLOCKER for f in there):
        yield Note(what, f"{place}: a blocker is allowed without an end: say until when")


def _ending(what: str, place: str, until: str, c: Circumstances) -> Iterator[Note]:
    days = (date.fromisoformat(until) - c.today).days if until else SOON + 1
    if 0 <= days <= SOON:
        when = {0: "today", 1: "tomorrow"}.get(days, f"in {days} days")
        yield Note(what, f"{place}: it ends on {until}, {when}")


def _of_baseline(gone: tuple[tuple[str, int], ...], c: Circumstances) -> Iterator[Note]:
    if gone:
        names = {e.key: f"{e.rule} in {e.path}" for e in c.entries}
        more = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
        why = f"{names[gone[0][0]]}{more}: mended, so `migsafe baseline prune` can take it out"
        yield Note(baseline.NAME, why)
