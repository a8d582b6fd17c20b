"""What each statement does to the tables of a server, as the history comes by."""

from __future__ import annotations

from migsafe.effects import mysql, postgres
from migsafe.effects.versions import oldest
from migsafe.model.evidence import Effect
from migsafe.model.migration import Dialect, History, Kind, Operation, Statement
from migsafe.model.schema import Schema, fold_name


class Server:
    """The oldest server in use, and the functions that the history has made so far."""

    def __init__(self, history: History, version: str) -> None:
        self._dialect = history.dialect
        self._version = oldest(history.dialect, version)
        self._functions: dict[str, str] = {}

    def effects(self, before: Schema, statement: Statement) -> tuple[Effect, ...]:
        """What the statement does to tables; () for SQLite, where nobody else is connected."""
        operations = statement.operations or ()
        for operation in operations:
            self._learn(operation)
        if self._dialect is Dialect.SQLITE:
            return ()
        if self._dialect is Dialect.MYSQL:
            checks = statement.foreign_keys is not False
            own = mysql.Server(self._version.product, self._version.number, checks)
            return mysql.effects(before, operations, own)
        server = postgres.Server(self._version.number, self._functions)
        return postgres.effects(before, operations, server)

    def _learn(self, operation: Operation) -> None:
        if operation.kind is not Kind.CREATE_FUNCTION:
            return
        said = {"immutable", "stable"} & set(operation.options)
        short = fold_name(operation.name).rpartition(".")[2]
        self._functions[short] = min(said, default="volatile")
