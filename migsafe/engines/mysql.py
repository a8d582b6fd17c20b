"""MariaDB and MySQL: the user's server or one of our own, and the databases that we make in it."""

from __future__ import annotations

import importlib.util
import re
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from migsafe.engines import dsn as dsns
from migsafe.engines import mysql_copy
from migsafe.engines.mysql_session import MysqlSession
from migsafe.engines.servers import FOLDER, SCRATCH, Address, Kept, Names, NoServer, programs
from migsafe.engines.session import ServerError

_PLACES = (
    "/usr/sbin",  # Debian, Ubuntu
    "/usr/libexec",  # Fedora, Red Hat
    "/usr/local/mysql*/bin",  # packages of mysql.com
    "/usr/local/mariadb*/bin",
    "/opt/homebrew/opt/mariadb*/bin",
    "/opt/homebrew/opt/mysql*/bin",
    "/usr/local/opt/mariadb*/bin",
    "/usr/local/opt/mysql*/bin",
    "/opt/local/lib/mariadb*/bin",  # MacPorts
    "/opt/local/lib/mysql*/bin",
)
_INSTALLERS = ("mariadb-install-db", "mysql_install_db")
_SETTINGS = (
    "--skip-networking",
    f"--socket={FOLDER}/socket",
    f"--pid-file={FOLDER}/pid",
    f"--tmpdir={FOLDER}",
    "--innodb-flush-log-at-trx-commit=0",  # what is lost in a crash was made for one run only
    "--innodb-doublewrite=0",
    "--innodb-flush-method=nosync",
    "--loose-sync-frm=0",
    "--innodb-buffer-pool-size=64M",
    "--skip-log-bin",
    "--skip-name-resolve",
    "--character-set-server=utf8mb4",
    "--default-time-zone=+00:00",
    "--local-infile=0",
)
_LOG_SIZE = ("--innodb-log-file-size=32M",)  # 96 MB less to write than by default
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


class MysqlServer:
    """A server, ours or the user's; see `Server`."""

    def __init__(self, address: Address, kept: Kept | None = None) -> None:
        """Take the server at this address into use. Raises NoServer."""
        self.address = address
        self._kept = kept
        self._names = Names()
        self._made: list[str] = []
        if kept is not None:
            kept.first_session(lambda: self.connect("")).close()
        self._control = self.connect("")
        told = str(self._control.execute("SELECT version()")[0][0])
        self.product, self.version = product_of(told)
        if kept is None:
            self._sweep()
        self._control.execute(f"SELECT get_lock('{_lock(self._names.key)}', 0)")

    def _sweep(self) -> None:
        """Drop what earlier runs on the user's server had to leave behind."""
        for (name,) in self._control.execute("SHOW DATABASES"):
            key = Names.key_of(str(name))
            if key is None:
                continue
            used = self._control.execute(f"SELECT is_used_lock('{_lock(key)}')")
            if used[0][0] is None:
                with suppress(ServerError):  # another user's, or another run is quicker
                    self.drop_database(str(name))

    def connect(self, database: str) -> MysqlSession:
        """A new session in that database, "" for in none. Raises NoServer."""
        return MysqlSession(self.address, database)

    def create_database(self, template: str = "") -> str:
        """Make a database in utf8mb4, empty or like one of ours; its name."""
        name = next(self._names)
        self._control.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        self._made.append(name)
        if template:
            self._fill(name, template, rows=True)
        return name

    def create_empty_like(self, template: str) -> str:
        """Make a database with the tables of one of ours, but without their rows; its name."""
        name = self.create_database()
        self._fill(name, template, rows=False)
        return name

    def _fill(self, name: str, template: str, *, rows: bool) -> None:
        session = self.connect(name)
        try:
            mysql_copy.fill(session, template, rows=rows)
        finally:
            session.close()

    def drop_database(self, name: str) -> None:
        """Drop a database of ours, whoever is in it."""
        if Names.key_of(name) is None:
            raise ValueError(f"{name} is no database of ours")
        inside = self._control.execute(
            f"SELECT id FROM information_schema.processlist WHERE db = '{name}'"
        )
        for (number,) in inside:
            with suppress(ServerError):
                self._control.execute(f"KILL {number}")
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


def _lock(key: int) -> str:
    return f"migsafe_{key:08x}"


def product_of(version: str) -> tuple[str, tuple[int, ...]]:
    """The product and its version, from what the server or the program says.

    Some builds of MariaDB put 5.5.5- before it, for old clients.
    """
    product = "MariaDB" if "mariadb" in version.lower() else "MySQL"
    found = _VERSION.search(version.removeprefix("5.5.5-"))
    return product, tuple(int(n) for n in found.groups()) if found else ()


def open_server(dsn: str = "") -> MysqlServer:
    """The user's server, else one of our own that runs until it is closed. Raises NoServer."""
    if importlib.util.find_spec("pymysql") is None:
        raise NoServer("MySQL needs the package PyMySQL", hint="pip install 'migsafe[mysql]'")
    if dsn:
        return MysqlServer(dsns.address(dsn, 3306, "mysql.sock", ""))
    for name in ("mariadbd", "mysqld"):
        for program in programs(name, _PLACES):
            return _own(program)
    raise NoServer(
        "no MariaDB or MySQL: neither mariadbd nor mysqld is on PATH or in a usual place",
        hint="install MariaDB, or set [engine] dsn to a server that is there to be tried on",
    )


def _own(program: Path) -> MysqlServer:
    asked = subprocess.run(  # noqa: S603 - the program that was found
        [program, "--no-defaults", "--version"],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    product, _ = product_of(asked.stdout)
    # Installing syncs to the disk at every step, whatever the settings: in memory that is free.
    prepare = [
        _initialise(program, product, f"{SCRATCH}/data"),
        ["cp", "-R", f"{SCRATCH}/data", f"{FOLDER}/data"],
    ]
    serve = [str(program), "--no-defaults", f"--datadir={FOLDER}/data", *_SETTINGS, *_LOG_SIZE]
    if product == "MySQL":
        serve.append("--mysqlx=OFF")  # it would listen on a port and a socket of its own
    kept = Kept(product, prepare, serve, signal.SIGKILL, users=("mysql",))
    try:
        return MysqlServer(Address(socket=str(kept.folder / "socket"), user="root"), kept)
    except BaseException:
        kept.close()
        raise


def _initialise(program: Path, product: str, data: str) -> list[str]:
    """The command that makes the data folder, in which root has no password."""
    where = f"--datadir={data}"
    if product == "MySQL":
        return [str(program), "--no-defaults", "--initialize-insecure", where, *_LOG_SIZE]
    around = [str(program.parent), str(program.parent.parent / "bin")]
    around += [str(program.parent.parent / "scripts")]
    for name in _INSTALLERS:
        for found in programs(name, around):
            return [
                str(found), "--no-defaults", where, "--skip-test-db",
                "--auth-root-authentication-method=normal", "--skip-name-resolve", *_LOG_SIZE,
            ]  # fmt: skip
    raise NoServer(
        f"no {product}: beside {program.name} there is no mariadb-install-db",
        hint="install the whole MariaDB server, or set [engine] dsn",
    )
