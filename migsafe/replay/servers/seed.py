"""A small dump that fails as a sampled one does, with nobody's values in it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial

from migsafe.engines.servers import NoServer
from migsafe.engines.session import ServerError
from migsafe.errors import MigsafeError, UnreadableSample
from migsafe.model.content import Content, Row
from migsafe.model.outcome import Observation, Scenario
from migsafe.model.sample import Sample
from migsafe.model.schema import Schema
from migsafe.model.seed import Checks, Hidden, Seed
from migsafe.replay.linked import linked, orphans
from migsafe.replay.reduction import BudgetSpent, thin
from migsafe.replay.seed import NOT_REPEATED, VALUES_SHOW, Hiding, Question
from migsafe.replay.servers import dumps, made
from migsafe.replay.servers.case import observed, replay
from migsafe.replay.servers.looks import inspected
from migsafe.replay.servers.old_sql import Frame, frame
from migsafe.replay.servers.plan import ServerPlan
from migsafe.replay.servers.rows import SEQUENCES, TooManyRows, contents
from migsafe.replay.servers.running import copied, server_of, session_in, upgrade
from migsafe.replay.servers.samples import Where, give

BUDGET = 60
"""At most so many replays make a dump smaller."""

_DEEP_BUDGET = 20
"""The same where each goes through everything: killed runs, a running service, the way back."""

_CHUNK = 100  # rows in one INSERT while it is searched
_NOT_WRITTEN = "the dump cannot be written anew: the server does not take its rows as they are"
_TOO_MANY = "the database has more rows than are taken apart"
_EMPTY = "-- no table yet: before the first migration\n"

Shows = Callable[[str], bool]
"""Does the database of that name give the observation? It may be changed by the question."""


def seed(plan: ServerPlan, sample: Sample, question: Question, hiding: Hiding) -> Seed:
    """The seed of a failure that the sample shows, or a row made up in it."""
    if plan.runner is None:
        return _seed(plan, sample, question, hiding)
    context = multiprocessing.get_context("spawn")  # a fork would inherit open connections
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(_there, plan, sample, question, hiding).result()
        except BrokenProcessPool:
            return _unwritten(sample, NOT_REPEATED)


def _there(plan: ServerPlan, sample: Sample, question: Question, hiding: Hiding) -> Seed:
    try:
        return _seed(plan, sample, question, hiding)
    finally:
        with suppress(Exception), closing(server_of(plan)):
            pass


def _seed(plan: ServerPlan, sample: Sample, question: Question, hiding: Hiding) -> Seed:
    with _started(plan, sample, question) as made_there:
        try:
            small = _small(plan, sample, made_there or plan.templates[sample.path])
        except TooManyRows:
            return _unwritten(sample, _TOO_MANY)
    if small is None:
        return _unwritten(sample, _NOT_WRITTEN)
    if question.seen is None and not question.probes:
        return _bare(small, kept=True)
    found = _repeating(plan, sample, question) if made_there else None
    if found is None:
        return _bare(small, kept=False)
    small.shows, small.left = found
    return _hidden(small, hiding)


@contextmanager
def _started(plan: ServerPlan, sample: Sample, question: Question) -> Iterator[str | None]:
    """The database to begin with: the sample's own, or a copy with a made-up row."""
    template = plan.templates[sample.path]
    if question.seen is None or not question.seen.made:
        yield template
        return
    pending = plan.base.history.pending(sample.revision)
    with made.again(plan, template, pending, question.seen) as database:
        yield database


def _unwritten(sample: Sample, why: str) -> Seed:
    return Seed("", sample.revision, (), 0, False, Checks(False), why_not=why)


# -- asking ---------------------------------------------------------------------------------------


def _repeating(plan: ServerPlan, sample: Sample, question: Question) -> tuple[Shows, int] | None:
    """What tells whether a database fails in the same way, and how often it may be asked.

    It is the cheapest that does for the sample; None where the failure does not come again.
    """
    plan = replace(plan, base=replace(plan.base, probes=question.probes, made=False))
    seen = question.seen
    if seen is None:
        return partial(_answers, plan, sample), BUDGET
    if seen.made:
        return partial(_raises, plan, sample, seen), BUDGET
    light = replace(plan, base=replace(plan.base, deep=frozenset()))
    deep = replace(plan, base=replace(plan.base, deep=frozenset({sample.path})))
    ways: list[tuple[Shows, int]] = [
        (partial(_replays, light, sample, seen), BUDGET),
        (partial(_replays, deep, sample, seen), _DEEP_BUDGET),
    ]
    if seen.kind in {"raised", "ignored-error"}:
        ways.insert(0, (partial(_raises, plan, sample, seen), BUDGET))
    for way in ways:
        with copied(plan, plan.templates[sample.path]) as database:
            if way[0](database):
                return way
    return None


def _raises(plan: ServerPlan, sample: Sample, seen: Observation, database: str) -> bool:
    attempt = upgrade(plan, database, plan.base.history.pending(sample.revision))
    found = [observed(r, "ignored-error") for r in attempt.ignored]
    if attempt.raised is not None:
        found.append(observed(attempt.raised))
    return any(o.fingerprint == seen.fingerprint for o in found)


def _replays(plan: ServerPlan, sample: Sample, seen: Observation, database: str) -> bool:
    there = replace(plan, templates={**plan.templates, sample.path: database})
    outcomes = replay(there, sample)
    seen_there = [o for out in outcomes if out.scenario is not Scenario.STEP_BY_STEP
                  for o in out.observations]  # fmt: skip
    return any(o.fingerprint == seen.fingerprint for o in seen_there)


def _answers(plan: ServerPlan, sample: Sample, database: str) -> bool:
    there = replace(plan, templates={**plan.templates, sample.path: database})
    return any(answer.rows for outcome in replay(there, sample) for answer in outcome.probes)


# -- making it smaller ----------------------------------------------------------------------------


@dataclass(slots=True)
class _Small:
    """A failing dump that gets smaller: its frame, and the rows that are left."""

    plan: ServerPlan
    sample: Sample
    frame: Frame
    schema: Schema
    rows: tuple[Content, ...]
    all_rows: int
    broken: frozenset[tuple[str, Row]]
    shows: Shows | None = None
    left: int = BUDGET
    replays: int = field(default=0)

    @contextmanager
    def built(self, rows: Sequence[Content]) -> Iterator[str]:
        """A database that the dump with these rows gives. Raises UnreadableSample, ServerError."""
        data = self.frame.text(rows, self.schema, _CHUNK).encode()
        with loaded(self.plan, data) as database:
            yield database

    def fails(self, rows: Sequence[Content]) -> bool:
        """Does the dump with these rows fail in the same way?"""
        assert self.shows is not None
        self.replays += 1
        try:
            with self.built(rows) as database:
                return self.shows(database)
        except (MigsafeError, ServerError) as error:
            if isinstance(error, NoServer):
                raise
            return False

    def attempt(self, rows: tuple[Content, ...]) -> bool:
        """Keep the change where it still fails. Raises BudgetSpent."""
        rows = linked(rows, self.schema, self.broken)
        if sum(len(c.rows) for c in rows) == sum(len(c.rows) for c in self.rows):
            return False
        if self.left < 1:
            raise BudgetSpent
        self.left -= 1
        if not self.fails(rows):
            return False
        self.rows = rows
        return True


@contextmanager
def loaded(plan: ServerPlan, data: bytes) -> Iterator[str]:
    """A database made of a dump. Raises UnreadableSample where the server refuses it."""
    server = server_of(plan)
    database = server.create_database()
    try:
        with session_in(plan, database) as session:
            dumps.load(session, data, plan.dialect, "old.sql")
        with session_in(plan, database) as session:
            give(session, Where(server, plan.dialect, plan.run_as), data)
        yield database
    finally:
        with suppress(ServerError):
            server.drop_database(database)


def _small(plan: ServerPlan, sample: Sample, template: str) -> _Small | None:
    """The database taken apart; None where it cannot be put together again."""
    with session_in(plan, template) as session:
        schema = inspected(session, plan.dialect)
        rows = contents(session, schema, plan.dialect, plan.base.history.version_tables)
    text = _dump(plan, sample)
    count = sum(len(c.rows) for c in rows if not _is_runners(c))
    whole = frame(text, plan.dialect)
    for found in (whole, replace(whole, freely=True)):
        small = _Small(plan, sample, found, schema, rows, count, frozenset(orphans(rows, schema)))
        if _comes_back(small, rows):
            return small
    return None


def _dump(plan: ServerPlan, sample: Sample) -> str:
    """The sample's dump; where none are configured, what the older migrations say."""
    if sample.data:
        return sample.data.decode("utf-8-sig")
    waiting = {m.revision for m in plan.base.history.pending(sample.revision)}
    done = [m for m in plan.base.history.migrations if m.revision not in waiting]
    return "".join(f"{s.sql}\n;\n" for m in done for s in m.statements)


def _comes_back(small: _Small, rows: tuple[Content, ...]) -> bool:
    """Does the dump with these rows give them, value for value?"""
    plan = small.plan
    keep = plan.base.history.version_tables
    try:
        with small.built(rows) as database, session_in(plan, database) as session:
            return contents(session, small.schema, plan.dialect, keep) == rows
    except (UnreadableSample, ServerError):
        return False


def _is_runners(content: Content) -> bool:
    return content.table == SEQUENCES or set(content.columns) == content.fixed


def _reduce(small: _Small) -> None:
    with suppress(BudgetSpent):
        if small.attempt(_without(small.rows, [c.table for c in small.rows])):
            return
        thin(partial(_filled, small), lambda part: small.attempt(_without(small.rows, part)))
        for table in _filled(small):
            thin(partial(_positions, small, table), partial(_remove, small, table))


def _filled(small: _Small) -> list[str]:
    """Children first, as parents can only go with them."""
    return [c.table for c in reversed(small.rows) if c.rows and not _is_runners(c)]


def _without(rows: tuple[Content, ...], tables: Sequence[str]) -> tuple[Content, ...]:
    gone = {c.table for c in rows if c.table in tables and not _is_runners(c)}
    return tuple(replace(c, rows=()) if c.table in gone else c for c in rows)


def _positions(small: _Small, table: str) -> Sequence[int]:
    return range(next(len(c.rows) for c in small.rows if c.table == table))


def _remove(small: _Small, table: str, part: Sequence[int]) -> bool:
    gone = set(part)
    return small.attempt(
        tuple(
            replace(c, rows=tuple(r for at, r in enumerate(c.rows) if at not in gone))
            if c.table == table
            else c
            for c in small.rows
        )
    )


# -- the result -----------------------------------------------------------------------------------


def _bare(small: _Small, *, kept: bool) -> Seed:
    rows = _without(small.rows, [c.table for c in small.rows])
    rows = tuple(replace(c, rows=()) if c.table == SEQUENCES else c for c in rows)
    return _told(small, Hidden(rows, failure_kept=kept), "" if kept else NOT_REPEATED)


def _hidden(small: _Small, hiding: Hiding) -> Seed:
    if not small.fails(small.rows):
        return _bare(small, kept=False)
    _reduce(small)
    hidden = hiding.hide(small.rows, small.fails)
    shown = bool(hidden.refused) and not hiding.keep_data
    return _told(small, hidden, VALUES_SHOW if shown else "")


def _told(small: _Small, hidden: Hidden, why_not: str) -> Seed:
    text = ""
    if why_not != VALUES_SHOW:
        if _comes_back(small, hidden.contents):
            text = small.frame.text(hidden.contents, small.schema) or _EMPTY
        else:
            why_not = _NOT_WRITTEN
    rows = ((c.table, len(c.rows)) for c in hidden.contents if c.rows and not _is_runners(c))
    return Seed(
        text,
        small.sample.revision,
        tuple(rows),
        small.all_rows,
        masked=not hidden.originals_left and not hidden.refused,
        checks=Checks(
            hidden.failure_kept, hidden.classes_kept, hidden.originals_left, hidden.refused
        ),
        masked_columns=hidden.columns,
        masked_values=hidden.values,
        replays=small.replays,
        why_not=why_not,
    )
