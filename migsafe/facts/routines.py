"""Rows about what the bodies of procedures do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from migsafe.model.migration import Operation

Row = tuple[object, ...]


def listed(options: Sequence[str]) -> str:
    """Options as the facts hold them: `, only, using=a::int, `; "" for none."""
    return "".join(f", {o}" for o in options) + ", " * bool(options)


def routine_rows(number: int, statement: int, operation: Operation) -> Iterator[Row]:
    """The rows of routine_step for one operation."""
    for position, step in enumerate(operation.body, 1):
        yield (
            number,
            statement,
            operation.name,
            position,
            step.kind.value,
            step.table,
            step.where,
            listed(step.options),
            step.line,
        )
