"""What the pending statements write to a column, under all the names it goes through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from migsafe.model.migration import Assignment, Dialect, Kind, Migration, Operation
from migsafe.model.outcome import Place, Ran
from migsafe.model.schema import Table, fold_name
from migsafe.sql.parse import operations

LEFT_OUT, SAME, MOVED, UNKNOWN = "left-out", "same", "moved", "unknown"


@dataclass(frozen=True, slots=True)
class Write:
    """One statement that fills a column.

    `how` is left-out (a copy that does not name it), same (copied as it is), moved (copied from
    another column or table), unknown, or the kind of the `Assignment`; `expression` its text.
    """

    place: Place
    how: str
    expression: str = ""

    @property
    def written_out(self) -> bool:
        """Did somebody write down what the values become, or can nobody know?"""
        return self.how not in {LEFT_OUT, SAME, MOVED}


class Lineage:
    """The statements of one launch, read as late as anything asks for them.

    `ran` are those that a runner of program code really sent; None: the migrations say it all.
    """

    def __init__(
        self,
        pending: tuple[Migration, ...],
        ran: tuple[Ran, ...] | None = None,
        dialect: Dialect = Dialect.SQLITE,
    ) -> None:
        self._pending = pending
        self._ran = ran
        self._dialect = dialect
        self._read: tuple[tuple[Place, Operation], ...] | None = None

    @property
    def entries(self) -> tuple[tuple[Place, Operation], ...]:
        """Every operation with its place, in order."""
        if self._read is None:
            self._read = tuple(self._of_text() if self._ran is None else self._of_trace(self._ran))
        return self._read

    def _of_text(self) -> Iterator[tuple[Place, Operation]]:
        for migration in self._pending:
            for statement in migration.statements:
                span = statement.span
                place = Place(span.path, span.line, span.column)
                yield from ((place, o) for o in statement.operations or ())

    def _of_trace(self, ran: tuple[Ran, ...]) -> Iterator[tuple[Place, Operation]]:
        for sent in ran:
            for operation in operations(sent.sql, self._dialect, sent.place.line or 1):
                yield sent.place, operation

    def columns(self, old: Table, new: Table) -> Iterator[tuple[str, str]]:
        """The columns that both tables have, by their old and their new name."""
        gone = [c for c in old.columns if new.column(c.name) is None]
        renamed = self._renamed(new) if gone else {}
        for column in old.columns:
            found = new.column(renamed.get(fold_name(column.name), column.name))
            if found is not None:
                yield column.name, found.name

    def _renamed(self, new: Table) -> dict[str, str]:
        names = self._names(new)
        now: dict[str, str] = {}
        for _, operation in self.entries:
            if operation.kind is Kind.RENAME_COLUMN and fold_name(operation.table) in names:
                was, becomes = fold_name(operation.column), fold_name(operation.new_name)
                first = next((old for old, name in now.items() if name == was), was)
                now[first] = becomes
        return now

    def _names(self, new: Table) -> set[str]:
        """The table's names on its way, and the old one's where that was renamed away first."""
        name = fold_name(new.name)
        names = {name}
        for _, operation in reversed(self.entries):
            if operation.kind is Kind.RENAME_TABLE and fold_name(operation.new_name) in names:
                names.add(fold_name(operation.table))
            elif operation.kind is Kind.RENAME_TABLE and fold_name(operation.table) == name:
                names.add(fold_name(operation.new_name))
        return names

    def writes(self, new: Table, old_column: str, column: str) -> list[Write]:
        """Every statement that may have changed what old rows have in the column, in order."""
        tables = self._names(new)
        names = {fold_name(old_column), fold_name(column)}
        at = [fold_name(c.name) for c in new.columns].index(fold_name(column))
        emptied = self.deletes(tables)
        found = []
        for place, operation in self.entries:
            if operation.kind in {Kind.OPAQUE, Kind.UNREAD}:
                found.append(Write(place, UNKNOWN))
            elif fold_name(operation.table) in tables:
                write = _write(operation, place, (tables, names, at), emptied=emptied)
                found += [write] if write else []
        return found

    def told(self, new: Table, old_column: str, column: str) -> bool:
        """Does any statement write out what the column's old values become?"""
        return any(w.written_out for w in self.writes(new, old_column, column))

    def deletes(self, tables: set[str]) -> bool:
        """Does a DELETE name one of these tables (folded names)?"""
        return any(o.kind is Kind.DELETE and fold_name(o.table) in tables for _, o in self.entries)

    def touches_sequences(self) -> bool:
        """Do the statements write to sqlite_sequence themselves?"""
        rows = {Kind.UPDATE, Kind.DELETE, Kind.INSERT}
        return any(
            o.kind in {Kind.OPAQUE, Kind.UNREAD}
            or (o.kind in rows and fold_name(o.table) == "sqlite_sequence")
            for _, o in self.entries
        )


_Names = tuple[set[str], set[str], int]
"""The names of the table, those of the column (folded), and the column's position."""


def _write(operation: Operation, place: Place, names: _Names, *, emptied: bool) -> Write | None:
    if operation.kind is Kind.UPDATE:
        return _of_update(operation, place, names)
    copies = operation.kind is Kind.CREATE_TABLE and bool(operation.sources)
    if not copies and operation.kind is not Kind.INSERT:
        return None
    if not operation.sources and operation.conflict in {"", "IGNORE"} and not emptied:
        return None  # rows of its own: no old row is among them
    return _of_copy(operation, place, names)


def _of_update(operation: Operation, place: Place, names: _Names) -> Write | None:
    if not operation.assignments:
        return Write(place, UNKNOWN)
    for assignment in operation.assignments:
        if fold_name(assignment.column) in names[1]:
            return _of_assignment(assignment, place, names)
    return None


def _of_copy(operation: Operation, place: Place, names: _Names) -> Write:
    assignments = operation.assignments
    if not assignments or operation.conflict == "UPSERT":
        return Write(place, UNKNOWN)
    if any(a.kind == "star" for a in assignments):
        return Write(place, SAME)
    for assignment in assignments:
        if assignment.column and fold_name(assignment.column) in names[1]:
            return _of_assignment(assignment, place, names)
    by_position = not operation.columns and not assignments[0].column
    if by_position and names[2] < len(assignments):
        return _of_assignment(assignments[names[2]], place, names)
    return Write(place, UNKNOWN if by_position else LEFT_OUT)


def _of_assignment(assignment: Assignment, place: Place, names: _Names) -> Write:
    if assignment.kind != "column":
        return Write(place, assignment.kind, assignment.expression)
    tables, columns, _ = names
    own = not assignment.source_table or fold_name(assignment.source_table) in tables
    same = own and fold_name(assignment.source_column or assignment.expression) in columns
    return Write(place, SAME if same else MOVED, assignment.expression)
