"""Migrations with one thing made wrong on purpose: would the samples and probes notice it?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from migsafe.model.migration import Dialect, History, Kind, Migration, Operation, Statement
from migsafe.model.outcome import Place
from migsafe.model.schema import fold_name
from migsafe.replay.run import place_of
from migsafe.replay.weaken import Weakened, weaken
from migsafe.sql.parse import normalise, operations
from migsafe.sql.tokens import Lines

LIMIT = 200
"""At most this many mutants, where the caller names no other number."""

_KEPT = {
    Kind.SELECT, Kind.BEGIN, Kind.COMMIT, Kind.ROLLBACK, Kind.SAVEPOINT, Kind.RELEASE,
    Kind.ATTACH, Kind.DETACH, Kind.VACUUM, Kind.MAINTENANCE, Kind.OPAQUE, Kind.UNREAD,
}  # fmt: skip
"""Without these nothing changes, or everything fails."""

_PRAGMAS = {"user_version", "foreign_keys", "defer_foreign_keys", "legacy_alter_table"}
_ROWS = {Kind.INSERT, Kind.UPDATE, Kind.DELETE}
_NAMED = {
    Kind.CREATE_INDEX, Kind.CREATE_TRIGGER, Kind.CREATE_VIEW,
    Kind.DROP_INDEX, Kind.DROP_TRIGGER, Kind.DROP_VIEW,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """A migration with one thing changed: where (the line of the change), what, and all of it.

    `id` is the revision and the mutant's number within it; a smaller limit does not renumber.
    """

    id: str
    place: Place
    what: str
    migration: Migration


@dataclass(frozen=True, slots=True)
class _Swap:
    """These statements instead of those from `start` up to `end`."""

    start: int
    end: int
    put: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True)
class _Draft:
    """A mutant before it is built: of very many, only some are."""

    id: str
    migration: Migration
    place: Place
    what: str
    swaps: tuple[_Swap, ...]


def mutants(
    history: History,
    pending: Sequence[Migration],
    limit: int = LIMIT,
    wrapped: Mapping[str, bool] | None = None,
) -> tuple[Mutant, ...]:
    """At most `limit` mutants of the pending SQL migrations, evenly spread, in source order.

    `wrapped` says per revision whether the runner opens a transaction (default: as the files and
    the history say). Mutants that cannot be read, or say the same as the original, are left out.
    """
    drafts = [d for m in pending if not m.program for d in _numbered(history, m, wrapped or {})]
    made = [m for d in _spread(drafts, limit) if (m := _built(d, history.dialect))]
    return tuple(made)


def _spread(drafts: list[_Draft], limit: int) -> list[_Draft]:
    if len(drafts) <= limit:
        return drafts
    return [drafts[at * len(drafts) // limit] for at in range(limit)]


def _numbered(
    history: History, migration: Migration, wrapped: Mapping[str, bool]
) -> Iterator[_Draft]:
    statements = tuple(_read(s, history.dialect) for s in migration.statements)
    migration = replace(migration, statements=statements)
    own = history.transactional if migration.transactional is None else migration.transactional
    changes = list(_of_statements(statements))
    changes += _of_version(statements, wrapped.get(migration.revision, own))
    changes += _of_transaction(statements)
    for number, (place, what, swaps) in enumerate(changes, 1):
        yield _Draft(f"{migration.revision}-{number}", migration, place, what, swaps)


def _read(statement: Statement, dialect: Dialect) -> Statement:
    if statement.operations is not None:
        return statement
    return replace(statement, operations=operations(statement.sql, dialect, statement.span.line))


def _built(draft: _Draft, dialect: Dialect) -> Mutant | None:
    statements = list(draft.migration.statements)
    for swap in sorted(draft.swaps, key=lambda s: -s.start):
        put = tuple(_read(s, dialect) for s in swap.put)
        if any(o.kind is Kind.UNREAD for s in put for o in s.operations or ()):
            return None
        old = statements[swap.start : swap.end]
        if [normalise(s.sql) for s in old] == [normalise(s.sql) for s in put]:
            return None
        statements[swap.start : swap.end] = put
    migration = replace(draft.migration, statements=tuple(statements))
    return Mutant(draft.id, draft.place, draft.what, migration)


# -- what can be changed --------------------------------------------------------------------------

_Change = tuple[Place, str, tuple[_Swap, ...]]


def _of_statements(statements: tuple[Statement, ...]) -> Iterator[_Change]:
    for at, statement in enumerate(statements):
        if statement.origin != "sql":
            continue
        place = place_of(statement)
        if _droppable(statement):
            yield place, "without this statement", (_Swap(at, at + 1),)
        following = statements[at + 1 : at + 2]
        if following and _order_matters(statement, following[0]):
            put = (following[0], statement)
            yield place, "run after the next statement", (_Swap(at, at + 2, put),)
        for weakened in _weakened(statement):
            changed = replace(statement, sql=weakened.sql, operations=None)
            yield (
                _within(statement, weakened.at),
                weakened.what,
                (_Swap(at, at + 1, (changed,)),),
            )


def _weakened(statement: Statement) -> tuple[Weakened, ...]:
    found = statement.operations or ()
    if not found or any(o.kind is Kind.UNREAD for o in found):
        return ()
    return weaken(statement.sql, found[0])


def _within(statement: Statement, offset: int) -> Place:
    line, column = Lines(statement.sql).place(offset)
    span = statement.span
    first = span.column - 1 if line == 1 else 0
    return Place(span.path, span.line + line - 1, first + column)


def _droppable(statement: Statement) -> bool:
    found = statement.operations or ()
    return bool(found) and all(_has_effect(o) for o in found)


def _has_effect(operation: Operation) -> bool:
    if operation.kind is Kind.PRAGMA:
        return operation.value != "" and fold_name(operation.name) in _PRAGMAS
    return operation.kind not in _KEPT


def _order_matters(first: Statement, second: Statement) -> bool:
    """May the result differ? Not where they share no table, or one only indexes the other's."""
    pairs = [(a, b) for a in first.operations or () for b in second.operations or ()]
    return any(_interfere(a, b) or _interfere(b, a) for a, b in pairs)


def _interfere(a: Operation, b: Operation) -> bool:
    if a.kind in _NAMED and b.kind in _NAMED:
        return fold_name(a.name) == fold_name(b.name)
    if b.kind in _ROWS and _plain_index(a):
        return False
    if a.kind in _ROWS and _plain_index(b):
        return False
    return bool(_tables(a) & _tables(b))


def _plain_index(operation: Operation) -> bool:
    if operation.kind is Kind.CREATE_INDEX:
        return not getattr(operation.definition, "unique", True)
    return False


def _tables(operation: Operation) -> set[str]:
    if operation.kind in _KEPT or operation.kind is Kind.PRAGMA:
        return set()
    names = {operation.table, operation.new_name, *operation.sources}
    names |= {r.table for r in operation.references}
    if operation.kind in _NAMED:
        names.add(operation.name)
    if operation.kind is Kind.RENAME_COLUMN:
        names.discard(operation.new_name)
    return {fold_name(n) for n in names if n}


def _of_version(statements: tuple[Statement, ...], wrapped: bool) -> Iterator[_Change]:
    """PRAGMA user_version somewhere else: within one transaction that would change nothing."""
    for at, statement in enumerate(statements):
        if wrapped or len(statements) < 2 or not _sets_version(statement):
            continue
        place = place_of(statement)
        gone = _Swap(at, at + 1)
        if at:
            yield place, "run as the first statement", (gone, _Swap(0, 0, (statement,)))
        else:
            end = len(statements)
            yield place, "run as the last statement", (gone, _Swap(end, end, (statement,)))


def _sets_version(statement: Statement) -> bool:
    return any(
        o.kind is Kind.PRAGMA and fold_name(o.name) == "user_version" and o.value
        for o in statement.operations or ()
    )


def _of_transaction(statements: tuple[Statement, ...]) -> Iterator[_Change]:
    begins = _positions(statements, Kind.BEGIN)
    commits = _positions(statements, Kind.COMMIT)
    if len(begins) == len(commits) == 1 and begins[0] < commits[0]:
        swaps = tuple(_Swap(at, at + 1) for at in (begins[0], commits[0]))
        yield place_of(statements[begins[0]]), "without this transaction", swaps


def _positions(statements: tuple[Statement, ...], kind: Kind) -> list[int]:
    return [
        at for at, s in enumerate(statements) if any(o.kind is kind for o in s.operations or ())
    ]
