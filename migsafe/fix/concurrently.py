"""CREATE INDEX, DROP INDEX and REINDEX beside the table's queries, outside of a transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migsafe.fix import marks, python_calls
from migsafe.fix.statements import ahead_of, in_block, insert, named, one_statement, words
from migsafe.fix.target import Edit, Proposal, Refused, Target
from migsafe.model.evidence import Step
from migsafe.model.migration import Kind, Operation, Statement
from migsafe.model.schema import Schema
from migsafe.sql.tokens import Token

_WARNINGS = {
    # flyway/flyway issue 3854: the session that keeps its advisory lock is in a transaction.
    "flyway": "; Flyway after 9.0 waits for itself unless postgresql.transactional.lock is false"
}
_INDEX = {Kind.CREATE_INDEX, Kind.DROP_INDEX, Kind.REINDEX}


def propose(target: Target) -> Proposal:
    """CONCURRENTLY, and the tool's mark for a file without a transaction where it needs one."""
    guilty = tuple({step.id: step for _, step in target.guilty}.values())
    for step in guilty:
        _require_possible(step)
    marked: tuple[Edit, ...] = ()
    new: tuple[tuple[str, str], ...] = ()
    inside = any(step.transaction is not None for step in guilty)
    if inside:
        _require_nothing_else(target)
        guilty = target.steps if target.migration.program else _plain_builds(target)
    if target.migration.program:
        edits = python_calls.concurrently(target, guilty, inside=inside)
    else:
        if inside:
            marked, new = marks.no_transaction(target)
        edits = tuple(e for step in guilty for e in _edits(target, step))
    what = "CONCURRENTLY, in no transaction" + _WARNINGS.get(target.history.framework, "")
    return Proposal(what, (*edits, *marked), new)


def _require_possible(step: Step) -> None:
    for operation in step.statement.operations or ():
        if operation.kind not in _INDEX or "nested" in operation.options:
            raise Refused("the statement does more than to build or drop an index")
        if operation.kind is not Kind.CREATE_INDEX:
            continue
        table = step.before.table(operation.table)
        view = step.before.views.get(operation.table.lower())
        if table is not None and table.partitioned:
            raise Refused("a partitioned table has no concurrent build")
        if table is None and view is None:
            raise Refused("it is not known what is indexed")


def _require_nothing_else(target: Target) -> None:
    for step in target.steps:
        if not all(_needs_no_transaction(o) for o in step.statement.operations or ()):
            line = step.statement.span.line
            raise Refused(f"line {line} needs the transaction: give the index a file of its own")
    if step_back := _first_that_needs_one(target):
        raise Refused(f"the downgrade in line {step_back.span.line} needs the transaction")


def _needs_no_transaction(operation: Operation) -> bool:
    if operation.kind is Kind.SET:
        return "local" not in operation.options
    return operation.kind in _INDEX


def _first_that_needs_one(target: Target) -> Statement | None:
    """The first statement of a downgrade of several, in the same file."""
    back = [s for s in target.migration.downgrade if s.span.path == target.migration.path]
    several = len(back) > 1 and not target.migration.program
    return back[0] if several and marks.marks_downgrade(target.history) else None


def _plain_builds(target: Target) -> tuple[Step, ...]:
    return tuple(
        s
        for s in target.steps
        if any(
            o.kind in _INDEX and not _of_new_table(o, s.before, target)
            for o in s.statement.operations or ()
            if o.option("concurrently") is None
        )
    )


def _of_new_table(operation: Operation, before: Schema, target: Target) -> bool:
    first = target.steps[0].before
    return first.table(operation.table) is None and before.table(operation.table) is not None


def _edits(target: Target, step: Step) -> Iterator[Edit]:
    tokens = one_statement(step, target.history.dialect)
    said = words(tokens)
    at = target.offset(step)
    place = next((i for i, word in enumerate(said) if word in {"INDEX", "TABLE"}), None)
    if place is None or said[0] not in {"CREATE", "DROP", "REINDEX"}:
        raise Refused("it is not written as a statement about one index")
    if said[0] == "DROP" and ("," in said or "CASCADE" in said):
        raise Refused("DROP INDEX CONCURRENTLY takes one index, and no CASCADE")
    word = tokens[place].text
    how = "concurrently" if word.islower() else "CONCURRENTLY"
    yield insert(target, at + tokens[place].end, f" {how}")
    name = _built(tokens[place + 1 :]) if said[0] == "CREATE" else ""
    if name and marks.several_statements(target) and not in_block(target, step):
        # What a build that was cut off leaves behind would stop the next run.
        drop = (
            "drop index concurrently if exists"
            if how.islower()
            else ("DROP INDEX CONCURRENTLY IF EXISTS")
        )
        yield insert(target, ahead_of(target, step), f"{drop} {name};\n")


def _built(tokens: Sequence[Token]) -> str:
    """The new index's name with its table's schema; "" where it may be there already."""
    if not tokens or not named(tokens[0]) or tokens[0].upper in {"IF", "ON"}:
        return ""
    after = [t for t in tokens[2:] if t.upper != "ONLY"]
    schema = f"{after[0].text}." if len(after) > 2 and after[1].text == "." else ""
    return schema + tokens[0].text
