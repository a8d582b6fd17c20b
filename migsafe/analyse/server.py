"""What each statement does to the tables of a server, as the history comes by."""

from __future__ import annotations

from collections.abc import Mapping

from migsafe.effects.versions import oldest
from migsafe.model.evidence import Effect
from migsafe.model.migration import Dialect, History, Kind, Operation, Statement
from migsafe.model.schema import Schema, fold_name


class Server:
    """The oldest server in use, and the functions that the history has made so far."""

    def __init__(
        self, history: History, version: str, functions: Mapping[str, str] | None = None
    ) -> None:
        self._dialect = history.dialect
        self._version = oldest(history.dialect, version)
        self.functions = dict(functions or {})

    def effects(self, before: Schema, statement: Statement) -> tuple[Effect, ...]:
        """What the statement does to tables; () for SQLite, where nobody else is connected."""
        operations = statement.operations or ()
        for operation in operations:
            self._learn(operation)
        if self._dialect is Dialect.SQLITE:
            return ()
        if self._dialect is Dialect.MYSQL:
            from migsafe.effects import mysql  # noqa: PLC0415 - each dialect on demand

            checks = statement.foreign_keys is not False
            own = mysql.Server(self._version.product, self._version.number, checks)
            return mysql.effects(before, operations, own)
        from migsafe.effects import postgres  # noqa: PLC0415 - likewise

        server = postgres.Server(self._version.number, self.functions)
        return postgres.effects(before, operations, server)

    def _learn(self, operation: Operation) -> None:
        if operation.kind is not Kind.CREATE_FUNCTION:
            return
        said = {"immutable", "stable"} & set(operation.options)
        short = fold_name(operation.name).rpartition(".")[2]
        self.functions[short] = min(said, default="volatile")
