"""Which statement is guilty of a silent loss: run again, and look after every statement."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from migsafe.engines import sqlite as engine
from migsafe.model.migration import Assignment, Kind, Migration, Operation
from migsafe.model.outcome import Observation, Place
from migsafe.model.sample import Sample
from migsafe.model.schema import fold_name
from migsafe.replay import first_inserts, links, misfit
from migsafe.replay.plan import Plan, Query
from migsafe.replay.run import Sent, migrated, place_of
from migsafe.sql.tokens import quoted

Watch = Callable[[sqlite3.Connection], bool | None]
"""Is the damage visible now? None: it cannot be seen at this moment."""

_DELIBERATE_COPY = {"where", "distinct", "group"}
_DELIBERATE_CONFLICT = {"IGNORE", "REPLACE", "UPSERT"}


@dataclass(slots=True)
class _Watched:
    """One observation, and the last statement after which its damage appeared."""

    observation: Observation
    watch: Watch
    bad: bool | None = False
    guilty: int | None = None


@dataclass(slots=True)
class _Log:
    """Every statement that ran, in order, and what became visible after it."""

    watched: Sequence[_Watched]
    sent: list[Sent] = field(default_factory=list)

    def after(self, database: sqlite3.Connection, sent: Sent) -> None:
        self.sent.append(sent)
        for item in self.watched:
            now = item.watch(database)
            if now is None:
                continue
            if now and not item.bad:
                item.guilty = len(self.sent) - 1
            item.bad = now


def locate(
    plan: Plan, sample: Sample, pending: tuple[Migration, ...], seen: Iterable[Observation]
) -> tuple[Observation, ...]:
    """The same observations, each with the place of its guilty statement where one is found.

    Where nothing is pending, what the database lacks may be named anywhere in the history.
    """
    seen = tuple(seen)
    watched = [w for o in seen if (w := _watched(plan, o))]
    log = _Log(watched)
    if watched:
        with closing(engine.clone(sample.data)) as old:
            for item in watched:
                item.bad = item.watch(old)  # what was so before is nobody's doing
        with migrated(plan, sample.data, pending, after=log.after):
            pass
    found = {id(w.observation): _blame(w, log.sent) for w in watched}
    return tuple(found.get(id(o)) or _by_name(pending or plan.history.migrations, o) for o in seen)


def placed(
    pending: tuple[Migration, ...], sent: list[Sent], seen: Observation, guilty: int | None
) -> Observation:
    """The observation with its place: the cause of what showed after the statement `guilty`.

    None: nothing showed, and the names decide.
    """
    item = _Watched(seen, lambda _: None, guilty is not None, guilty)
    return _blame(item, sent) or _by_name(pending, seen)


def _watched(plan: Plan, seen: Observation) -> _Watched | None:
    watch = _watch(plan, seen)
    return _Watched(seen, watch) if watch else None


def _watch(plan: Plan, seen: Observation) -> Watch | None:
    table = quoted(seen.table)
    if seen.kind == "rows-lost":
        left = seen.total - seen.affected
        return _asks(f"SELECT count(*) <= {left} FROM main.{table}")
    if seen.kind == "became-null":
        filled = seen.total - seen.affected
        return _asks(f"SELECT count({quoted(seen.column)}) <= {filled} FROM main.{table}")
    if seen.kind == "links-lost":
        return links.watch(seen)
    if seen.kind == "foreign-keys" and seen.table:
        return _asks(f"SELECT count(*) > 0 FROM pragma_foreign_key_check({_text(seen.table)})")
    if seen.kind == "misfit" and (bad := misfit.condition(seen)):
        return _asks(f"SELECT total({bad}) >= {seen.affected} FROM main.{table}")
    if seen.kind == "launch-insert":
        return _refuses(plan, seen)
    if seen.kind == "invariant" and not seen.error:
        return _violated(plan, seen)
    return None


def _asks(query: str) -> Watch:
    def watch(database: sqlite3.Connection) -> bool | None:
        try:
            row = database.execute(query).fetchone()
        except sqlite3.Error:
            return None
        return bool(row[0])

    return watch


def _refuses(plan: Plan, seen: Observation) -> Watch | None:
    insert = next((i for i in plan.launch.inserts if i.table == seen.table), None)
    if insert is None:
        return None

    def watch(database: sqlite3.Connection) -> bool | None:
        return first_inserts.refused(database, insert, triggers=True) == seen.error

    return watch


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _violated(plan: Plan, seen: Observation) -> Watch | None:
    query = next((q for q in plan.launch.invariants if q.place == seen.place), None)
    return _asks(f"SELECT EXISTS ({query.sql})") if isinstance(query, Query) else None


def _blame(item: _Watched, sent: list[Sent]) -> Observation | None:
    if item.guilty is None or not item.bad:
        return None
    at = _cause(item.observation, sent, item.guilty)
    at = _emptied(item.observation, sent, at)
    seen, culprit = item.observation, sent[at]
    if seen.kind in {"invariant", "old-query"}:
        # The query stays the place; the statement that broke it is said beside it.
        told = "; ".join(filter(None, (seen.detail, f"broken by {_where(culprit.place)}")))
        return replace(seen, detail=told, culprit=culprit.place)
    own = fold_name(seen.table) if at == item.guilty else ""
    meant = seen.deliberate or _deliberate(seen, culprit.operations, own)
    return replace(seen, place=culprit.place, deliberate=meant)


def _where(place: Place) -> str:
    return f"{place.path}:{place.line}"


def _cause(seen: Observation, sent: list[Sent], at: int) -> int:
    """From where the damage shows to what did it: a rename or a new empty table only shows it."""
    tables = {fold_name(seen.table)}
    if seen.kind == "links-lost":  # a parent that is made anew has no rows either
        tables.add(fold_name(seen.name))
    for operation in sent[at].operations:
        if operation.kind is Kind.RENAME_TABLE and fold_name(operation.new_name) in tables:
            return _last_fill(sent, range(at, -1, -1), fold_name(operation.table), at)
        made = fold_name(operation.table)
        if operation.kind is Kind.CREATE_TABLE and made in tables:
            return _last_fill(sent, range(at, len(sent)), made, at)
    return at


def _emptied(seen: Observation, sent: list[Sent], at: int) -> int:
    """The later DELETE that empties the table for good: what had gone before makes no odds."""
    if seen.kind != "rows-lost":
        return at
    table = fold_name(seen.table)
    for later in range(len(sent) - 1, at, -1):
        if any(_deletes_all(operation, table) for operation in sent[later].operations):
            return later
        if any(_fills(operation, table) for operation in sent[later].operations):
            return at
    return at


def _deletes_all(operation: Operation, table: str) -> bool:
    return (
        operation.kind is Kind.DELETE
        and fold_name(operation.table) == table
        and operation.where is None
    )


def _last_fill(sent: list[Sent], order: range, table: str, default: int) -> int:
    for at in order:
        if any(_fills(o, table) for o in sent[at].operations):
            return at
    return default


def _fills(operation: Operation, table: str) -> bool:
    kinds = {Kind.INSERT, Kind.CREATE_TABLE}
    if operation.kind not in kinds or fold_name(operation.table) != table:
        return False
    return operation.kind is Kind.INSERT or bool(operation.sources)


def _deliberate(seen: Observation, operations: tuple[Operation, ...], own: str) -> bool:
    """`own` is the table that lost something as this very statement ran, "" for a scratch table."""
    if seen.kind == "rows-lost":
        return any(_loses_on_purpose(o, fold_name(seen.table), own) for o in operations)
    if seen.kind == "became-null":
        return any(_nulls_on_purpose(o, seen.column) for o in operations)
    if seen.kind == "links-lost":
        return any(_unlinks_on_purpose(o, seen) for o in operations)
    return False


def _loses_on_purpose(operation: Operation, table: str, own: str) -> bool:
    if operation.kind is Kind.DELETE:
        return fold_name(operation.table) == table
    if operation.kind not in {Kind.INSERT, Kind.UPDATE}:
        return False
    if operation.conflict in _DELIBERATE_CONFLICT:  # but not what REPLACE does to other tables
        return own in {"", fold_name(operation.table)}
    words = set(operation.narrowing)
    return bool(words & _DELIBERATE_COPY) and "join" not in words


def _nulls_on_purpose(operation: Operation, column: str) -> bool:
    """An expression that can give NULL was written for it; a forgotten column was not."""
    for assignment in operation.assignments:
        if fold_name(assignment.column) == fold_name(column):
            return _says_null(assignment)
    return False


def _unlinks_on_purpose(operation: Operation, seen: Observation) -> bool:
    """NULL was written for the column; or rows were deleted that nothing declares as parents."""
    gone = operation.kind is Kind.DELETE and fold_name(operation.table) == fold_name(seen.name)
    return (gone and seen.detail == links.DANGLING) or _nulls_on_purpose(operation, seen.column)


def _says_null(assignment: Assignment) -> bool:
    return assignment.kind in {"null", "expression", "parameter"}


# -- what cannot be watched is placed by the names it is about ------------------------------------


def _by_name(pending: tuple[Migration, ...], seen: Observation) -> Observation:
    if seen.place is not None:
        return seen
    places = _touching(pending, fold_name(seen.table)) if seen.table else []
    return replace(seen, place=places[-1] if places else _last(pending))


def _touching(pending: tuple[Migration, ...], table: str) -> list[Place]:
    """The statements that write to a table under any of its names, the copy of a rebuild first."""
    names = _names(pending, table)
    return [
        place_of(s)
        for m in pending
        for s in m.statements
        for o in s.operations or ()
        if fold_name(o.table) in names and _shapes(o)
    ]


def _shapes(operation: Operation) -> bool:
    quiet = {Kind.DROP_TABLE, Kind.RENAME_TABLE, Kind.SELECT, Kind.OPAQUE}
    return operation.kind not in quiet


def _names(pending: tuple[Migration, ...], table: str) -> set[str]:
    names = {table}
    for migration in reversed(pending):
        for statement in reversed(migration.statements):
            for o in statement.operations or ():
                if o.kind is Kind.RENAME_TABLE and fold_name(o.new_name) in names:
                    names.add(fold_name(o.table))
    return names


def _last(pending: tuple[Migration, ...]) -> Place:
    migration = pending[-1]
    first = next(iter(migration.statements), None)
    return place_of(first) if first else Place(migration.path, 1)
