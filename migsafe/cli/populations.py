"""What the hotfix does to each kind of database: the findings and the differences, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from migsafe.cli.fix_for import Met
from migsafe.errors import MigsafeError
from migsafe.model.finding import Finding
from migsafe.model.fix_for import FixFor, Kind, Left, Population, Trouble
from migsafe.model.migration import Dialect, History
from migsafe.model.migration import Kind as Op
from migsafe.model.outcome import Observation, Outcome
from migsafe.model.report import Conclusion, Report
from migsafe.model.rule import Severity
from migsafe.model.sample import Sample
from migsafe.model.schema import fold_name
from migsafe.replay.likeness import Differs, Landed, differences
from migsafe.replay.lineage import Lineage
from migsafe.replay.plan import LaunchPlan, Query
from migsafe.sql.parse import operations

_WRITES = {Op.INSERT, Op.UPDATE, Op.DELETE}


class Hotfix:
    """A hotfix and the databases that it meets: judged by what it does to them."""

    def __init__(self, name: str, met: Met, history: History, launch: LaunchPlan) -> None:
        self._name = name
        self._met = met
        self._history = history
        self._launch = launch
        self._notes: tuple[tuple[Kind, str], ...] = ()

    @property
    def met(self) -> tuple[tuple[Sample, ...], tuple[MigsafeError, ...]]:
        """The databases not yet updated, and what could not be told of others."""
        return tuple(self._met.samples), tuple(self._met.errors)

    @property
    def left(self) -> tuple[Sample, ...]:
        """The databases that the broken migration left behind."""
        return tuple(one.sample for one in self._met.left)

    @property
    def all(self) -> tuple[Sample, ...]:
        """Every database that the hotfix is tried on."""
        return self._met.all

    @property
    def one_of_each(self) -> frozenset[str]:
        """The path of one database of each kind and version, for what is costly."""
        found = reversed(self._met.left)
        return frozenset(
            {(one.kind, one.sample.revision): one.sample.path for one in found}.values()
        )

    def excused(self, outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
        """The outcomes without what nobody can give back, which is noted instead."""
        kept, notes = _excused(self._history, self._launch, self._met, outcomes)
        self._notes += notes
        return kept

    def told(self, report: Report, landed: Mapping[str, Landed]) -> Report:
        """The report with what the hotfix does to each kind of database, and judged by it.

        `landed` is where it leads each of them, by its path.
        """
        fresh = self._launch.fresh is not None
        compared = _compared(self._history, self._met, landed, fresh=fresh)
        troubles = list(_joined([*self._met.refusals, *compared.troubles]))
        notes = dict.fromkeys([*self._met.notes, *self._notes, *compared.notes])
        told = _Told(report, self._met, troubles, tuple(notes), _samples_of(report))
        kinds = _kinds(self._met)
        worst = [t for _, t in troubles if t.severity >= report.fail_on]
        return replace(
            report,
            findings=tuple(_by_kind(f, told.samples, kinds) for f in report.findings),
            conclusion=Conclusion.UNSAFE if worst else report.conclusion,
            fix_for=FixFor(self._name, tuple(told.population(kind) for kind in Kind)),
        )


# -- what nobody can give back ---------------------------------------------------------------------


def _excused(
    history: History, launch: LaunchPlan, met: Met, outcomes: Iterable[Outcome]
) -> tuple[tuple[Outcome, ...], tuple[tuple[Kind, str], ...]]:
    """Leave out invariants that the broken migration broke, where no statement claims to mend them.

    Such a statement writes rows of a table that the invariant reads. What was left out is told.
    """
    harmed = {one.sample.path: one for one in met.left if one.harm}
    kept: list[Outcome] = []
    notes: dict[tuple[Kind, str], int] = {}
    for outcome in outcomes:
        one = harmed.get(outcome.sample)
        if one is None:
            kept.append(outcome)
            continue
        lost = [
            o for o in outcome.observations if _cannot_come_back((history, launch), one, outcome, o)
        ]
        for seen in lost:
            assert seen.place is not None
            where = f"{seen.place.path}:{seen.place.line}"
            sentence = f"the invariant {where} does not hold, and nothing in the hotfix mends it"
            notes[one.kind, sentence] = notes.get((one.kind, sentence), 0) + 1
        rest = tuple(o for o in outcome.observations if o not in lost)
        kept.append(replace(outcome, observations=rest) if lost else outcome)
    told = tuple((kind, f"{text} ({_databases(n)})") for (kind, text), n in notes.items())
    return tuple(kept), told


def _cannot_come_back(
    of: tuple[History, LaunchPlan], one: Left, outcome: Outcome, seen: Observation
) -> bool:
    """Does it rest on what the broken migration took away, and does nobody claim to mend it?"""
    before = {(o.place, o.affected) for o in one.harm if o.kind == "invariant" and not o.error}
    if seen.kind != "invariant" or seen.error or (seen.place, seen.affected) not in before:
        return False
    history, launch = of
    query = next(q for q in launch.invariants if q.place == seen.place)
    read = _read(query, history.dialect)
    return bool(read & one.changed) and not _written(history, one.sample, outcome) & read


def _written(history: History, sample: Sample, outcome: Outcome) -> set[str]:
    programs = any(m.program for m in history.migrations)
    ran = outcome.ran if programs else None
    lineage = Lineage(history.pending(sample.revision), ran, history.dialect)
    return {fold_name(o.table) for _, o in lineage.entries if o.kind in _WRITES}


def _read(query: Query, dialect: Dialect) -> set[str]:
    found = operations(query.sql, dialect)
    named = {fold_name(r.table) for o in found for r in o.references}
    return named | {fold_name(s) for o in found for s in o.sources}


# -- two ways to the head --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Compared:
    """What the comparison gave: troubles and notes, by the kind of database."""

    troubles: list[tuple[Kind, Trouble]]
    notes: list[tuple[Kind, str]]


def _compared(
    history: History, met: Met, landed: Mapping[str, Landed], *, fresh: bool
) -> _Compared:
    """Hold each left database, after the hotfix, to what it makes of a database not yet updated.

    `fresh`: schemas are compared with a fresh install's already.
    """
    found = _Compared([], [])
    ignored = {fold_name(t) for t in history.version_tables}
    usual = {s.path: landed[s.path] for s in met.samples if s.path in landed}
    good = next((end for end in usual.values() if not end.failed), None)
    for one in met.left:
        end, own = landed.get(one.sample.path), usual.get(one.origin)
        same = own is not None and not own.failed
        other = own if same else good
        if end is None or end.failed:
            continue
        if other is None:
            found.notes.append((one.kind, "not compared: every database not yet updated fails"))
            continue
        for differs in differences(end, other, ignored):
            if differs.what == "schema":
                if not fresh:
                    found.troubles.append((one.kind, _trouble(one, differs)))
            elif same and _cannot_return(one, differs):
                found.notes.append((one.kind, _lost(differs)))
            elif same:
                found.troubles.append((one.kind, _trouble(one, differs)))
    return found


def _cannot_return(one: Left, differs: Differs) -> bool:
    """Is it what the broken migration took away, as far as rows can say?"""
    more = differs.what == "rows" and differs.here > differs.there
    return fold_name(differs.table) in one.changed and not more


def _lost(differs: Differs) -> str:
    if differs.what == "values":
        return f"values of {differs.table} ({differs.detail}) stay as the broken version left them"
    return (
        f"rows of {differs.table} that the broken version lost do not come back"
        f" ({differs.here} of {differs.there} are there)"
    )


def _trouble(one: Left, differs: Differs) -> Trouble:
    severity = Severity.ERROR
    if differs.what == "schema":
        sentence = f"{differs.detail}: it is otherwise on a database that was not yet updated"
    elif differs.what == "rows":
        sentence = (
            f"{differs.table} has {differs.here} rows, and {differs.there} on the same database"
            f" updated by the hotfix alone: {_guess(one, differs)}"
        )
    else:
        sentence = (
            f"{differs.table} ({differs.detail}) has other values than on the same database updated"
            f" by the hotfix alone: {_guess(one, differs)}"
        )
        severity = Severity.ERROR if differs.touched or one.harm else Severity.WARNING
    return Trouble(differs.what, sentence, severity, (one.sample.path,))


def _guess(one: Left, differs: Differs) -> str:
    if not differs.touched:
        return "the hotfix does not touch them here"
    if differs.here < differs.there:
        return "are they lost?"
    return "is something run twice?" if one.state in {"stopped", "killed"} else "is it meant?"


# -- the report ------------------------------------------------------------------------------------


def _kinds(met: Met) -> dict[str, Kind]:
    left = {one.sample.path: one.kind for one in (*met.left, *met.stuck)}
    return {**{s.path: Kind.NOT_YET for s in met.samples}, **left}


def _samples_of(report: Report) -> dict[int, tuple[str, ...]]:
    """The databases of each failure, by its blast radius: findings share that very object."""
    groups = report.replay.groups if report.replay else ()
    return {id(g.blast): g.samples for g in groups if g.samples}


def _joined(troubles: Iterable[tuple[Kind, Trouble]]) -> Iterator[tuple[Kind, Trouble]]:
    """The same sentence once, with all its databases; the worst first."""
    found: dict[tuple[Kind, str, str], Trouble] = {}
    for kind, trouble in troubles:
        key = (kind, trouble.what, trouble.sentence)
        known = found.get(key)
        paths = (*known.databases, *trouble.databases) if known else trouble.databases
        found[key] = replace(trouble, databases=tuple(dict.fromkeys(paths)))
    ordered = sorted(found.items(), key=lambda item: -item[1].severity)
    yield from ((key[0], trouble) for key, trouble in ordered)


@dataclass(frozen=True, slots=True)
class _Told:
    """What is said of all databases; `samples` are those of each finding's failure."""

    report: Report
    met: Met
    troubles: list[tuple[Kind, Trouble]]
    notes: tuple[tuple[Kind, str], ...]
    samples: dict[int, tuple[str, ...]]

    def population(self, kind: Kind) -> Population:
        """The part that is about this kind of database."""
        left = [one for one in (*self.met.left, *self.met.stuck) if one.kind is kind]
        paths = {one.sample.path for one in left}
        if kind is Kind.NOT_YET:
            paths = {s.path for s in self.met.samples}
        troubles = tuple(t for of, t in self.troubles if of is kind)
        least = self.report.fail_on
        failed = {p for t in troubles if t.severity >= least for p in t.databases}
        findings = []
        for finding in self.report.findings:
            hit = paths.intersection(self.samples.get(id(finding.blast), ()))
            if hit and finding.open and finding.severity >= least:
                failed |= hit
                where = finding.path, finding.line
                findings.append((*where, finding.rule, finding.message, len(hit)))
        return Population(
            kind=kind,
            databases=len(paths),
            failed=len(failed),
            made=tuple(Counter(map(_how, left)).items()),
            findings=tuple(findings),
            troubles=troubles,
            notes=tuple(text for of, text in self.notes if of is kind),
        )


def _how(one: Left) -> str:
    return "killed on the way" if one.state == "killed" else one.how


def _by_kind(
    finding: Finding, samples: dict[int, tuple[str, ...]], kinds: dict[str, Kind]
) -> Finding:
    """The finding with the kinds of database that it hits; users are those not yet updated."""
    paths = samples.get(id(finding.blast), ())
    hit = Counter(kinds[p] for p in paths if p in kinds)
    if not hit or set(hit) == {Kind.NOT_YET}:
        return finding
    all_ = Counter(kinds.values())
    lines = tuple(f"{k}: {hit[k]} of {_databases(all_[k])}" for k in Kind if hit[k])
    blast = finding.blast if hit[Kind.NOT_YET] else None
    return replace(finding, detail=(*finding.detail, *lines), blast=blast)


def _databases(number: int) -> str:
    return f"{number:,} database{'' if number == 1 else 's'}"
