"""The old version beside each step of a rolling deploy: what it sends, before and after each one.

Between two migrations the old version sees what is committed, and nothing else: it is asked in a
session of its own, and only where the migrations before have been committed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

from migsafe.engines.session import ServerError, Session, TooSlow
from migsafe.model.migration import Dialect, Kind, Migration
from migsafe.model.outcome import Observation
from migsafe.replay.plan import Query
from migsafe.replay.run import Sent
from migsafe.replay.servers.looks import undone
from migsafe.replay.servers.plan import Ask, ServerPlan
from migsafe.replay.servers.running import asked, copied, named, session_in, told, upgrade
from migsafe.sql.parse import operations

LOOKS = 2_000
"""Statements of the old version times migrations: beyond that, it is asked at the end only."""

FAILS = "old-query"
"""The kind of observation that says that a statement fails."""

_SECONDS = 10.0
_LOCKED = frozenset({"55P03", "1205"})  # lock_not_available; ER_LOCK_WAIT_TIMEOUT
_PATIENCE = {
    Dialect.POSTGRES: ("SET lock_timeout = '2s'",),
    Dialect.MYSQL: ("SET innodb_lock_wait_timeout = 2", "SET lock_wait_timeout = 2"),
}
_UNCOMMITTED = "SELECT pg_catalog.txid_current_if_assigned() IS NOT NULL"
_READS = frozenset({Kind.SELECT})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement of the old version gives: its error, that of a second run, its columns.

    `places`: the columns that an INSERT without names fills, in the order of its values.
    """

    error: str = ""
    again: str = ""
    columns: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


def answer(session: Session, query: Query, dialect: Dialect) -> Answer | None:
    """Run it, twice where it writes, and undo it. None: something else held a lock."""
    for sql in _PATIENCE[dialect]:
        session.execute(sql)
    places = _places(session, query, dialect)
    first: str | None = ""
    again: str | None = ""
    columns: tuple[str, ...] = ()
    with undone(session):
        try:
            session.execute(query.sql, _SECONDS)
            columns = session.columns
        except (ServerError, TooSlow) as error:
            first = _said(error)
        if not first and _writes(query, dialect):
            try:
                session.execute(query.sql, _SECONDS)
            except (ServerError, TooSlow) as error:
                again = _said(error)
    if first is None or again is None:
        return None
    return Answer(first, again, columns, places)


def _said(error: ServerError | TooSlow) -> str | None:
    if isinstance(error, TooSlow):
        return f"not done after {_SECONDS:g} s"
    return None if error.code in _LOCKED else told(error)


def _writes(query: Query, dialect: Dialect) -> bool:
    return any(o.kind not in _READS for o in operations(query.sql, dialect))


def _places(session: Session, query: Query, dialect: Dialect) -> tuple[str, ...]:
    for operation in operations(query.sql, dialect):
        values = operation.assignments
        if operation.kind is Kind.INSERT and values and not any(v.column for v in values):
            with suppress(ServerError), undone(session):
                session.execute(f"SELECT * FROM {named(dialect, operation.table)} LIMIT 0")
                return session.columns[: len(values)]
    return ()


# -- the steps ------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Broken:
    """What became otherwise, from which migration on ("": not known), and until which."""

    seen: Observation
    since: str
    until: str = ""


@dataclass(slots=True)
class Steps:
    """Asks the old version's statements whenever another migration begins; a hook."""

    plan: ServerPlan
    database: str
    paths: frozenset[str]
    between: bool
    before: dict[Query, Answer] = field(default_factory=dict)
    broken: dict[tuple[Query, str], _Broken] = field(default_factory=dict)
    _now: str = ""
    _unseen: bool = False

    def begin(self) -> None:
        """See what works on the old database: the rest says nothing."""
        for query, given in self._answers(self.plan.old_queries):
            if not given.error:
                self.before[query] = given

    def step(self, ask: Ask, sent: Sent) -> None:
        """Look at what the migration before has left; before each statement."""
        path = sent.place.path
        if path not in self.paths or path == self._now:
            return
        if self._now and self.between and self._committed(ask):
            self.look()
        else:
            self._unseen = bool(self._now)
        self._now = path

    def _committed(self, ask: Ask) -> bool:
        """On MySQL every change of the schema is."""
        if self.plan.dialect is Dialect.MYSQL:
            return True
        rows = asked(ask, self.plan.dialect, _UNCOMMITTED)
        return rows is not None and not rows[0][0]

    def look(self) -> None:
        """Ask everything, and note what is otherwise than before."""
        since = "" if self._unseen else self._now
        for query, given in self._answers(self.before):
            seen = {o.kind: o for o in _differences(query, self.before[query], given)}
            for kind, observation in seen.items():
                self.broken.setdefault((query, kind), _Broken(observation, since)).until = ""
            for (of, kind), broken in self.broken.items():
                if of == query and kind not in seen and not broken.until:
                    broken.until = self._now
        self._unseen = False

    def _answers(self, queries: Iterable[Query]) -> Iterator[tuple[Query, Answer]]:
        with session_in(self.plan, self.database) as session:
            for query in queries:
                given = answer(session, query, self.plan.dialect)
                if given is not None:
                    yield query, given


@dataclass(frozen=True, slots=True)
class Seen:
    """What the old version cannot do any more; what was not asked, and why."""

    observations: tuple[Observation, ...] = ()
    unseen: tuple[tuple[str, str], ...] = ()


def check(plan: ServerPlan, template: str, pending: tuple[Migration, ...]) -> Seen:
    """What the old version cannot do any more, from which migration on.

    The migrations are known to come through.
    """
    if not plan.old_queries:
        return Seen()
    with copied(plan, template) as database:
        paths = frozenset(m.path for m in pending)
        steps = Steps(plan, database, paths, between=not _too_many(plan, pending))
        steps.begin()
        upgrade(plan, database, pending, steps.step)
        steps.look()
    return Seen(tuple(_found(plan, steps)), tuple(_not_asked(plan, steps, len(pending))))


def _found(plan: ServerPlan, steps: Steps) -> Iterator[Observation]:
    """In the order of the queries; of one that fails, nothing else."""
    order = {query: at for at, query in enumerate(plan.old_queries)}
    found = sorted(steps.broken.items(), key=lambda item: (order[item[0][0]], item[0][1]))
    fails = {query for (query, kind), b in found if kind == FAILS and not b.until}
    for (query, kind), broken in found:
        if kind == FAILS or query not in fails:
            yield _told(broken)


def _too_many(plan: ServerPlan, pending: tuple[Migration, ...]) -> bool:
    return len(plan.old_queries) * len(pending) > LOOKS


def _not_asked(plan: ServerPlan, steps: Steps, migrations: int) -> Iterator[tuple[str, str]]:
    for query in plan.old_queries:
        if query not in steps.before:
            place = f"{query.place.path}:{query.place.line}"
            yield f"query of the old version {place}", "it fails on the old database, too"
    if not steps.between:
        what = "queries of the old version between the migrations"
        yield what, f"{migrations} migrations are too many for {len(plan.old_queries)} queries"


# -- what is otherwise ----------------------------------------------------------------------------


def _told(broken: _Broken) -> Observation:
    seen = broken.seen
    if broken.until:
        when = f"from {broken.since} until {broken.until}" if broken.since else "for a while"
        seen = replace(seen, name="meanwhile")
    else:
        when = f"from {broken.since} on" if broken.since else ""
    return replace(seen, detail=": ".join(filter(None, (when, seen.detail))))


def _differences(query: Query, before: Answer, now: Answer) -> Iterator[Observation]:
    if now.error:
        yield Observation(FAILS, query.place, error=now.error)
        return
    if now.again and not before.again:
        yield Observation("old-query-again", query.place, error=now.again)
    if now.columns != before.columns:
        more = now.columns[: len(before.columns)] == before.columns
        yield Observation(
            "old-query-columns", query.place, name="more" if more else "other",
            detail=_other(before.columns, now.columns),
        )  # fmt: skip
    if now.places != before.places:
        yield Observation("old-query-places", query.place, detail=_moved(before.places, now.places))


def _other(before: tuple[str, ...], now: tuple[str, ...]) -> str:
    gone = [c for c in before if c not in now]
    new = [c for c in now if c not in before]
    told = (("without ", gone), ("with ", new))
    parts = [word + ", ".join(names) for word, names in told if names]
    return " and ".join(parts) or "in another order"


def _moved(before: tuple[str, ...], now: tuple[str, ...]) -> str:
    pairs = zip(before, (*now, *[""] * len(before)), strict=False)
    at, (was, goes) = next((n, p) for n, p in enumerate(pairs, 1) if p[0] != p[1])
    return f"value {at} goes to {goes or 'no column'} and not to {was}"
