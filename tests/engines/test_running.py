"""One server for a run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from migsafe.engines import running
from migsafe.engines.mysql import MysqlServer
from migsafe.engines.postgres import PostgresServer
from migsafe.engines.servers import Server
from migsafe.model.migration import Dialect


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Callable[[Dialect, str], Server]:
    """`running.server` that knows of no server from another test."""
    monkeypatch.setattr(running, "_RUNNING", {})
    return running.server


def test_a_users_server_is_opened_once(
    opened: Callable[[Dialect, str], Server], postgres: PostgresServer, mysql: MysqlServer
) -> None:
    folder = postgres.address.socket.rpartition("/")[0]
    places = {
        Dialect.POSTGRES: f"host={folder} user=postgres",
        Dialect.MYSQL: f"mysql://root@/?unix_socket={mysql.address.socket}",
    }
    for dialect, dsn in places.items():
        server = opened(dialect, dsn)
        assert opened(dialect, dsn) is server
        session = server.connect(server.create_database())
        assert session.execute("SELECT 1") == [(1,)]
        session.close()
        server.close()


def test_sqlite_has_no_server(opened: Callable[[Dialect, str], Server]) -> None:
    with pytest.raises(ValueError, match="SQLite"):
        opened(Dialect.SQLITE, "")
