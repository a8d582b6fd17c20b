"""Is a rewrite what it says? The history is read and judged once more, and compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from migsafe.model.evidence import Evidence, Step
from migsafe.model.finding import Finding
from migsafe.model.migration import Kind
from migsafe.model.rule import Severity


@dataclass(frozen=True, slots=True)
class Judged:
    """What lint knows of a history, and what it finds in it.

    `of_rows` are the rules that only old rows can decide: a check that is put off, or made in
    another way, takes along what there is to ask of them, be it under another rule's name.
    """

    evidence: Evidence
    findings: tuple[Finding, ...]
    of_rows: frozenset[str] = frozenset()

    def counted(self, least: Severity = Severity.NOTE) -> Counter[str]:
        """How often each rule speaks, wherever it does; those about old rows count as one."""
        told = (f for f in self.findings if f.severity >= least and f.open)
        return Counter(
            "a question about old rows" if f.rule in self.of_rows else f.rule for f in told
        )


_ADDED = {
    Kind.SET, Kind.VALIDATE_CONSTRAINT, Kind.DROP_INDEX, Kind.ADD_CONSTRAINT, Kind.DROP_CONSTRAINT,
}  # fmt: skip
"""What a fix may do beside what was done before."""


def objection(before: Judged, after: Judged, guilty: Sequence[Finding]) -> str:
    """Why the rewrite must not be, without a stop; "" where nothing speaks against it."""
    if before.evidence.steps[-1].after != after.evidence.steps[-1].after:
        return "the schema at the end would be another"
    if not _same_operations(before.evidence.steps, after.evidence.steps):
        return "the rewritten text is not read as the same operations"
    left = _left(before, after, guilty)
    if left:
        return f"{left} would still be there"
    new = _new(before, after)
    return f"it would bring {new}" if new else ""


def _same_operations(before: Sequence[Step], after: Sequence[Step]) -> bool:
    """The same kinds of operations on the same things, apart from what a fix may add."""
    old, new = Counter(_operations(before)), Counter(_operations(after))
    lost, added = old - new, new - old
    return not lost and all(kind in _ADDED for kind, _, _ in added)


def _operations(steps: Sequence[Step]) -> Iterator[tuple[Kind, str, str]]:
    for step in steps:
        for operation in step.statement.operations or ():
            yield operation.kind, operation.table, operation.column


def _left(before: Judged, after: Judged, guilty: Sequence[Finding]) -> str:
    was, still = before.counted(), after.counted()
    for rule, number in Counter(f.rule for f in guilty).items():
        if still[rule] > was[rule] - number:
            return rule
    return ""


def _new(before: Judged, after: Judged) -> str:
    """A rule that finds more at warning or above than it did, or finds it worse."""
    for least in (Severity.WARNING, Severity.ERROR, Severity.BLOCKER):
        more = sorted(after.counted(least) - before.counted(least))
        if more:
            return more[0]
    return ""
