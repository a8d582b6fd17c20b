"""The state of the connection that migrations run on, followed statement by statement."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from migsafe.model.migration import Dialect, Kind, Operation, Statement
from migsafe.model.schema import fold_name

_ROWS = {Kind.INSERT, Kind.UPDATE, Kind.DELETE}
_COMMITS = {
    Kind.CREATE_TABLE, Kind.DROP_TABLE, Kind.RENAME_TABLE, Kind.ADD_COLUMN, Kind.DROP_COLUMN,
    Kind.RENAME_COLUMN, Kind.ALTER_COLUMN, Kind.ADD_CONSTRAINT, Kind.DROP_CONSTRAINT,
    Kind.CREATE_INDEX, Kind.DROP_INDEX, Kind.RENAME_INDEX, Kind.CREATE_TRIGGER, Kind.DROP_TRIGGER,
    Kind.CREATE_VIEW, Kind.DROP_VIEW, Kind.TRUNCATE, Kind.TABLE_OPTION, Kind.CREATE_FUNCTION,
    Kind.DROP_FUNCTION, Kind.LOCK_TABLE, Kind.GRANT, Kind.REVOKE,
}  # fmt: skip
"""What ends MySQL's transaction (manual, 13.3.3 Statements That Cause an Implicit Commit)."""

_TIMEOUTS = {"lock_timeout": "lock", "lock_wait_timeout": "lock", "statement_timeout": "statement",
             "max_execution_time": "statement", "max_statement_time": "statement"}  # fmt: skip
_SECONDS = {"lock_wait_timeout", "max_statement_time"}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)?\s*", re.I)
_UNITS = {"us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(slots=True)
class Session:
    """Transactions, settings and, on SQLite, the enforcement of foreign keys.

    `transaction` numbers the open transaction, None outside of one. `path` are the schemas of
    PostgreSQL's search_path, () for the default.
    """

    dialect: Dialect
    foreign_keys: bool | None
    in_transaction: bool = False
    transaction: int | None = None
    path: tuple[str, ...] = ()
    _begins_with_rows: bool = False
    _wrapped: bool = False
    _opened_by: str = ""  # the savepoint that opened the transaction, where one did
    _numbers: int = 0
    _timeouts: dict[str, int] = field(default_factory=dict)
    _local: dict[str, int] = field(default_factory=dict)  # SET LOCAL: until the transaction ends

    def enter(self, wrapped: bool, *, late: bool, joined: bool = False) -> None:
        """A migration begins: does its runner wrap it (late: from the first row on)?

        `joined`: in the transaction of the migration before it.
        """
        if self.dialect is not Dialect.SQLITE:
            self.foreign_keys = True
        self._begins_with_rows = wrapped and late
        self._wrapped = wrapped
        if wrapped and joined and self.in_transaction:
            return
        self._close()
        if wrapped and not late:
            self._open()

    def timeout(self, kind: str) -> int | None:
        """The milliseconds in force; `kind` is lock or statement. 0: none, None: never set."""
        return self._local.get(kind, self._timeouts.get(kind))

    def prepare(self, statement: Statement) -> bool:
        """Is a transaction open when the statement runs?"""
        kinds = {o.kind for o in statement.operations or ()}
        if statement.in_transaction is not None:
            self._forced(statement.in_transaction)
        elif self.dialect is Dialect.MYSQL and kinds & _COMMITS:
            self._close()
        elif self.in_transaction:
            pass
        elif (self._begins_with_rows and kinds & _ROWS) or self._reopens(kinds):
            self._open()
        return self.in_transaction

    def _forced(self, inside: bool) -> None:
        if not inside:
            self._close()
        elif not self.in_transaction:
            self._open()

    def _reopens(self, kinds: Iterable[Kind]) -> bool:
        """Behind an autocommit block the runner goes on in a new transaction."""
        ends = {Kind.BEGIN, Kind.COMMIT, Kind.ROLLBACK}
        servers = self.dialect is not Dialect.SQLITE
        return servers and self._wrapped and not self._begins_with_rows and not ends & set(kinds)

    def run(self, operation: Operation) -> None:
        """What the operation makes of the session."""
        kind = operation.kind
        if "nested" in operation.options:
            return
        if kind is Kind.BEGIN:
            self._open()
        elif kind in {Kind.COMMIT, Kind.ROLLBACK} and not operation.name:
            self._close()
            self._wrapped = False  # what follows stands outside the runner's transaction
        elif kind in {Kind.SAVEPOINT, Kind.RELEASE}:
            self._mark(operation)
        elif kind is Kind.PRAGMA and fold_name(operation.name) == "foreign_keys":
            self._switch(operation.value)
        elif kind is Kind.SET:
            self._set(operation)

    def _open(self) -> None:
        if not self.in_transaction:
            self._numbers += 1
            self.in_transaction, self.transaction = True, self._numbers

    def _close(self) -> None:
        self.in_transaction, self.transaction, self._opened_by = False, None, ""
        self._local.clear()

    def _mark(self, operation: Operation) -> None:
        # Outside a transaction a savepoint opens one in SQLite, and its release ends it
        # (lang_savepoint.html).
        name = fold_name(operation.name)
        if operation.kind is Kind.SAVEPOINT and not self.in_transaction:
            self._open()
            self._opened_by = name
        elif operation.kind is Kind.RELEASE and self._opened_by == name:
            self._close()

    def _switch(self, value: str) -> None:
        # A no-op while a transaction is open (pragma.html#pragma_foreign_keys).
        if value and not self.in_transaction:
            self.foreign_keys = _word(value) in {"1", "on", "yes", "true"}

    def _set(self, operation: Operation) -> None:
        name = fold_name(operation.name)
        if name == "search_path":
            self.path = search_path(operation.value)
        if name in {"foreign_key_checks", "session_replication_role"}:
            self.foreign_keys = _word(operation.value) not in {"0", "off", "false", "replica"}
        kind = _TIMEOUTS.get(name)
        if kind is None:
            return
        local = "local" in operation.options
        if local and not self.in_transaction:
            return  # without effect (manual, SET)
        target = self._local if local else self._timeouts
        value = milliseconds(operation.value, seconds=name in _SECONDS)
        if value is None:
            target.pop(kind, None)
        else:
            target[kind] = value


def _word(value: str) -> str:
    return value.strip("'\" ").lower()


def milliseconds(text: str, *, seconds: bool = False) -> int | None:
    """A duration as PostgreSQL writes it (manual, 20.1.1): a bare number counts milliseconds.

    `seconds`: it counts seconds (MySQL). None for DEFAULT and what cannot be read.
    """
    found = _DURATION.fullmatch(text.strip("'\" "))
    if found is None:
        return None
    unit = _UNITS[(found[2] or ("s" if seconds else "ms")).lower()]
    return round(float(found[1]) * unit)


def search_path(value: str) -> tuple[str, ...]:
    """The schemas of a search_path, without "$user"; () for the default."""
    names = tuple(part.strip().strip("'\"") for part in value.split(","))
    found = tuple(n for n in names if n and n != "$user")
    return () if value.upper() == "DEFAULT" or found[:1] == ("public",) else found
