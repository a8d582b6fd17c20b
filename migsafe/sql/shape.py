"""The shape of a statement that moves or reads rows: what it reads, and what fills its columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from migsafe.model.migration import Reference


@dataclass(frozen=True, slots=True)
class Fill:
    """What fills one column; the fields are those of `Assignment`."""

    kind: str
    source_table: str = ""
    source_column: str = ""
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """What a statement reads and how. The lines of references count from 0."""

    fills: tuple[Fill, ...] = ()
    outputs: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    narrowing: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()


def merged(rows: Sequence[Sequence[Fill]]) -> list[Fill]:
    """One fill per column out of several rows or queries: the least certain one."""
    if not rows or len({len(r) for r in rows}) != 1:
        return []
    return list(_columns(rows))


def _columns(rows: Sequence[Sequence[Fill]]) -> Iterator[Fill]:
    for column in zip(*rows, strict=True):
        kinds = {f.kind for f in column}
        guarded = all(f.guarded for f in column)
        if len(set(column)) == 1:
            yield column[0]
        elif "null" in kinds and kinds <= {"null", "literal"}:
            yield Fill("null")
        else:
            yield Fill(kinds.pop() if len(kinds) == 1 else "expression", guarded=guarded)
