"""Which statement is guilty: run again, and ask after every statement whether it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from migsafe.model.migration import Dialect, Migration
from migsafe.model.outcome import Observation
from migsafe.replay import locate
from migsafe.replay.run import Sent
from migsafe.replay.servers import rolling
from migsafe.replay.servers.plan import Ask, ServerPlan, nothing
from migsafe.replay.servers.running import (
    asked,
    copied,
    named,
    quoted,
    session_in,
    upgrade,
)

Watch = Callable[[Ask], bool | None]
"""Is the damage visible now? None: it cannot be seen at this moment."""


def placed(
    plan: ServerPlan, template: str, pending: tuple[Migration, ...], seen: Iterable[Observation]
) -> tuple[Observation, ...]:
    """The same observations, each with the place of its guilty statement where one is found."""
    seen = tuple(seen)
    watches = {at: w for at, o in enumerate(seen) if (w := _watch(plan, o))}
    sent: list[Sent] = []
    guilty: dict[int, int | None] = {}

    def after(ask: Ask, ran: Sent) -> None:
        sent.append(ran)
        for at, shows in watches.items():
            now = shows(ask)
            if now is False:
                guilty[at] = None
            elif now and guilty.get(at) is None:
                guilty[at] = len(sent) - 1

    if watches:
        with copied(plan, template) as database:
            upgrade(plan, database, pending, nothing, after)
    return tuple(locate.placed(pending, sent, o, guilty.get(at)) for at, o in enumerate(seen))


def _watch(plan: ServerPlan, seen: Observation) -> Watch | None:
    table, column = named(plan.dialect, seen.table), quoted(plan.dialect, seen.column)
    if seen.kind == "rows-lost":
        left = seen.total - seen.affected
        return _asks(plan, f"SELECT count(*) <= {left} FROM {table}")
    if seen.kind == "became-null":
        filled = seen.total - seen.affected
        return _asks(plan, f"SELECT count({column}) <= {filled} FROM {table}")
    if seen.kind == "invariant" and not seen.error:
        return _violated(plan, seen)
    if seen.kind == "old-query":
        return _fails(plan, seen)
    return None


def _asks(plan: ServerPlan, sql: str) -> Watch:
    def watch(ask: Ask) -> bool | None:
        rows = asked(ask, plan.dialect, sql)
        return None if rows is None else bool(rows[0][0])

    return watch


def _violated(plan: ServerPlan, seen: Observation) -> Watch | None:
    query = next((q for q in plan.base.launch.invariants if q.place == seen.place), None)

    def watch(ask: Ask) -> bool | None:
        rows: Sequence[Any] | None = asked(ask, plan.dialect, query.sql) if query else None
        return None if rows is None else bool(rows)

    return watch if query else None


def _fails(plan: ServerPlan, seen: Observation) -> Watch | None:
    query = next((q for q in plan.old_queries if q.place == seen.place), None)

    def watch(ask: Ask) -> bool | None:
        if query is None:
            return None
        if plan.dialect is Dialect.MYSQL:  # it could not be undone within the migration
            with session_in(plan, str(ask("SELECT database()")[0][0])) as session:
                given = rolling.answer(session, query, plan.dialect)
            return None if given is None else bool(given.error)
        return asked(ask, plan.dialect, query.sql) is None

    return watch if query else None
