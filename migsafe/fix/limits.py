"""Limits to waiting and to copying: lock_timeout, lock_wait_timeout, ALGORITHM and LOCK."""

from __future__ import annotations

from migsafe.fix import python_calls
from migsafe.fix.statements import ahead_of, insert, one_statement, words
from migsafe.fix.target import Edit, Proposal, Refused, Target
from migsafe.model.evidence import Step
from migsafe.model.migration import Dialect, Kind

_WAIT = {Dialect.POSTGRES: "lock_timeout = '2s'", Dialect.MYSQL: "lock_wait_timeout = 5"}


def lock_timeout(target: Target) -> Proposal:
    """SET (LOCAL) of a limit before the first statement that waits for a lock."""
    _, step = min(target.guilty, key=lambda pair: pair[1].id)
    sql = _limit(target, step)
    return Proposal(sql, (_before(target, step, sql),))


def limited(target: Target) -> tuple[Edit, ...]:
    """The same before the first of the target's statements, where no limit is in force there."""
    _, step = min(target.guilty, key=lambda pair: pair[1].id)
    return () if step.lock_timeout else (_before(target, step, _limit(target, step)),)


def _limit(target: Target, step: Step) -> str:
    scope = ""
    if target.history.dialect is Dialect.MYSQL:
        scope = "SESSION "
    elif step.transaction is not None:
        scope = "LOCAL "
    return f"SET {scope}{_WAIT[target.history.dialect]}"


def _before(target: Target, step: Step, sql: str) -> Edit:
    if target.migration.program:
        return python_calls.execute_before(target, step, sql)
    return insert(target, ahead_of(target, step), f"{sql};\n")


_STATED = {
    Kind.ADD_COLUMN, Kind.DROP_COLUMN, Kind.ALTER_COLUMN, Kind.RENAME_COLUMN, Kind.CREATE_INDEX,
    Kind.DROP_INDEX, Kind.ADD_CONSTRAINT, Kind.DROP_CONSTRAINT, Kind.RENAME_INDEX,
}  # fmt: skip


def state_algorithm(target: Target) -> Proposal:
    """The algorithm that the server would choose, said aloud, so that it can be no worse one."""
    edits = []
    said: dict[str, None] = {}
    for _, step in target.guilty:
        clause = _clause(step)
        edits.append(_stated(target, step, clause))
        said[", ".join(clause)] = None
    return Proposal("; ".join(said), tuple(edits))


_CHEAPEST_FIRST = ("instant", "nocopy", "inplace")


def _clause(step: Step) -> tuple[str, ...]:
    """What the dearest of the statement's actions takes."""
    taken = {e.algorithm for e in step.effects if e.algorithm}
    if not taken or not taken <= set(_CHEAPEST_FIRST):
        raise Refused("the algorithm is not known, or copies the table")
    dearest = max(taken, key=_CHEAPEST_FIRST.index)
    stated = f"ALGORITHM={dearest.upper()}"
    # MySQL's INSTANT takes no LOCK but DEFAULT (manual, ALTER TABLE, Concurrency Control).
    return (stated,) if dearest == "instant" else (stated, "LOCK=NONE")


def _stated(target: Target, step: Step, clause: tuple[str, ...]) -> Edit:
    tokens = one_statement(step, Dialect.MYSQL)
    kinds = {o.kind for o in step.statement.operations or ()}
    if not kinds <= _STATED or "LOCK" in words(tokens):
        raise Refused("the statement takes no ALGORITHM, or says LOCK itself")
    first = tokens[0].upper
    gap = ", " if first == "ALTER" else " "
    if first not in {"ALTER", "CREATE", "DROP"}:
        raise Refused("the statement takes no ALGORITHM")
    text = "".join(gap + part for part in clause)
    return insert(target, target.offset(step) + tokens[-1].end, text)
