"""Evidence -> the facts database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from migsafe.facts import states, suppressions, tables
from migsafe.facts.downgrades import downgrade_rows
from migsafe.facts.operations import operation_rows
from migsafe.facts.releases import release_rows
from migsafe.model.evidence import Evidence, Step
from migsafe.model.migration import History, Migration
from migsafe.model.outcome import Failure, Outcome, Place

Row = tuple[object, ...]
Fingerprint = tuple[str, str, int, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Kept:
    """The facts about the first statements of a history, as bytes, and the states that hold."""

    database: bytes
    states: states.Open | None


def keep(history: History, steps: tuple[Step, ...], past: Kept | None = None) -> Kept:
    """The facts about whole migrations, none of them in focus, which `build` can go on from."""
    with closing(_opened(past)) as facts:
        facts.execute("BEGIN")
        held = _fill_steps(facts, Evidence(history, steps, frozenset()), past)
        facts.execute("COMMIT")
        return Kept(facts.serialize(), held)


def build(evidence: Evidence, past: Kept | None = None) -> sqlite3.Connection:
    """A new in-memory database that holds the evidence; the caller closes it.

    With `past` the evidence's steps are those that follow what was kept.
    """
    facts = _opened(past)
    facts.execute("BEGIN")
    _fill(facts, "project", _settings(evidence))
    _fill_history(facts, evidence)
    for name, rows in states.lasting(_fill_steps(facts, evidence, past)).items():
        _fill(facts, name, rows)
    _fill(facts, "suppression", _suppressions(evidence))
    _fill_replay(facts, evidence)
    facts.execute("COMMIT")
    return facts


def _opened(past: Kept | None) -> sqlite3.Connection:
    facts = sqlite3.connect(":memory:", isolation_level=None)
    if past is None:
        facts.executescript(tables.definition())
    else:
        facts.deserialize(past.database)
    return facts


def save(evidence: Evidence, path: Path) -> None:
    """Write the facts to a new SQLite file, replacing one that stands there."""
    path.unlink(missing_ok=True)
    with closing(build(evidence)) as facts, closing(sqlite3.connect(path)) as target:
        facts.backup(target)


def _fill(facts: sqlite3.Connection, table: str, rows: Iterable[Row]) -> None:
    rows = list(rows)
    if rows:
        marks = ", ".join("?" * len(rows[0]))
        facts.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


def _settings(evidence: Evidence) -> Iterator[Row]:
    yield "dialect", str(evidence.history.dialect)
    yield "framework", evidence.history.framework
    yield "facts_version", str(tables.SCHEMA_VERSION)
    yield from sorted(evidence.settings.items())


def _suppressions(evidence: Evidence) -> Iterator[Row]:
    today = date.fromisoformat(evidence.settings["today"])
    longest = suppressions.longest(evidence.settings)
    for migration in evidence.history.migrations:
        focus = migration.revision in evidence.focus
        for comment in suppressions.judged(migration, today, longest):
            s = comment.suppression
            fault, expired = comment.fault, comment.expired
            yield s.path, s.line, s.rule, s.reason, s.until, fault, expired, focus


def _fill_history(facts: sqlite3.Connection, evidence: Evidence) -> None:
    history = evidence.history
    numbers = _numbers(history)
    _fill(facts, "migration", (_migration(evidence, m, numbers) for m in history.migrations))
    for table, rows in downgrade_rows(evidence, numbers).items():
        _fill(facts, table, rows)
    for table, rows in release_rows(history, numbers).items():
        _fill(facts, table, rows)


def _numbers(history: History) -> dict[str, int]:
    return {m.revision: i for i, m in enumerate(history.migrations, 1)}


def _fill_steps(
    facts: sqlite3.Connection, evidence: Evidence, past: Kept | None
) -> states.Open | None:
    """Everything about the steps but the states that hold after them, which are returned."""
    dialect, steps, numbers = evidence.history.dialect, evidence.steps, _numbers(evidence.history)
    _fill(facts, "statement", (_statement(evidence, s, numbers) for s in steps))
    (operations,) = facts.execute("SELECT coalesce(max(id), 0) FROM operation").fetchone()
    for table, rows in operation_rows(steps, dialect, operations).items():
        _fill(facts, table, rows)
    _fill(facts, "reference", (row for s in steps for row in _references(s)))
    _fill(facts, "feature", (row for s in steps for row in _features(s)))
    _fill(facts, "change", (row for s in steps for row in _changes(s)))
    _fill(facts, "migration_change", states.migration_changes(steps, numbers))
    ended, held = states.timeline(steps, dialect, past.states if past else None)
    for table, rows in ended.items():
        _fill(facts, table, rows)
    return held


def _migration(evidence: Evidence, migration: Migration, numbers: dict[str, int]) -> Row:
    wrapped = migration.transactional
    return (
        numbers[migration.revision],
        migration.revision,
        migration.path,
        migration.title,
        migration.revision in evidence.focus,
        evidence.history.transactional if wrapped is None else wrapped,
        migration.program,
    )


def _statement(evidence: Evidence, step: Step, numbers: dict[str, int]) -> Row:
    statement, span = step.statement, step.statement.span
    return (
        step.id,
        numbers[step.revision],
        step.position,
        span.path,
        span.line,
        span.column,
        max(span.line, span.end_line),
        statement.sql,
        statement.origin,
        statement.in_transaction,
        statement.foreign_keys,
        statement.conditional,
        step.revision in evidence.focus,
        step.error,
        step.transaction,
        step.lock_timeout,
        step.statement_timeout,
        statement.repeated,
    )


def _references(step: Step) -> Iterator[Row]:
    for operation in step.statement.operations or ():
        for name in operation.references:
            yield step.id, name.role, name.table, name.column, name.quote, name.line


def _features(step: Step) -> Iterator[Row]:
    for f in step.features:
        yield step.id, f.name, f.since, f.since_number, f.extension, f.source, f.line


def _changes(step: Step) -> Iterator[Row]:
    for c in step.changes:
        yield step.id, c.what, c.how, c.table, c.name, c.aspect, c.before, c.after


def _fill_replay(facts: sqlite3.Connection, evidence: Evidence) -> None:
    numbers = {s.path: i for i, s in enumerate(evidence.samples, 1)}
    _fill(
        facts,
        "sample",
        ((numbers[s.path], s.path, s.revision, s.weight, len(s.data)) for s in evidence.samples),
    )
    replayed = [o for o in evidence.outcomes if o.sample in numbers]
    _fill(
        facts,
        "outcome",
        (
            (i, numbers[o.sample], o.scenario.value, o.verdict.value)
            for i, o in enumerate(replayed, 1)
        ),
    )
    failures = {f.observation.fingerprint: i for i, f in enumerate(evidence.failures, 1)}
    _fill(facts, "observation", _observations(replayed, failures))
    places = _Places(evidence.steps)
    _fill(facts, "failure", (_failure(i, f, places) for i, f in enumerate(evidence.failures, 1)))
    _fill(facts, "observed_lock", _observed_locks(replayed, places))
    most: dict[str, int] = {}
    for table, rows in (pair for o in replayed for pair in o.rows):
        most[table] = max(rows, most.get(table, 0))
    _fill(facts, "sampled_table", sorted(most.items()))


def _observations(outcomes: list[Outcome], failures: Mapping[Fingerprint, int]) -> Iterator[Row]:
    for number, outcome in enumerate(outcomes, 1):
        for seen in outcome.observations:
            failure = failures.get(seen.fingerprint)
            if failure is not None:
                yield number, failure, seen.affected, seen.total


def _observed_locks(outcomes: list[Outcome], places: _Places) -> Iterator[Row]:
    """The same statement and lock once, with the most rows that any sample showed."""
    seen: dict[tuple[int | None, str, str], tuple[bool, int, int]] = {}
    for e in (effected for o in outcomes for effected in o.effected):
        key = (places.statement(e.place), e.table, e.lock)
        rewrote, read, written = seen.get(key, (False, 0, 0))
        seen[key] = (rewrote or e.rewrote, max(read, e.read), max(written, e.written))
    yield from ((*key, *value) for key, value in seen.items())


class _Places:
    """Finds the statement at a place: the narrowest one whose lines hold it."""

    def __init__(self, steps: tuple[Step, ...]) -> None:
        self._steps: dict[str, list[Step]] = {}
        for step in steps:
            self._steps.setdefault(step.statement.span.path, []).append(step)

    def statement(self, place: Place | None) -> int | None:
        """The statement's id, or None where no statement stands there."""
        if place is None:
            return None
        best: Step | None = None
        for step in self._steps.get(place.path, ()):
            span = step.statement.span
            if not span.covers(place.line):
                continue
            exact = (span.line, span.column) == (place.line, place.column)
            if best is None or exact or span.line > best.statement.span.line:
                best = step
            if exact:
                break
        return best.id if best else None


def _failure(number: int, failure: Failure, places: _Places) -> Row:
    seen = failure.observation
    place = seen.place or Place("")
    return (
        number,
        seen.kind,
        places.statement(seen.place),
        place.path,
        place.line,
        place.column,
        seen.table,
        seen.column,
        seen.name,
        seen.error,
        seen.detail,
        seen.deliberate,
        seen.made,
        failure.launch,
        failure.affected,
        failure.total,
        failure.blast.failing,
        failure.blast.sampled,
    )
