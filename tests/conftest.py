"""Projects on disk, and the real program run on them as a user would."""

from __future__ import annotations

import ctypes
import gc
import hashlib
import io
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from migsafe import cli
from migsafe.engines import mysql as mysql_engine
from migsafe.engines import postgres as postgres_engine
from migsafe.engines.mysql import MysqlServer
from migsafe.engines.mysql_session import MysqlSession
from migsafe.engines.postgres import PostgresServer
from migsafe.engines.postgres_session import PostgresSession
from migsafe.engines.servers import NoServer

Files = Mapping[str, str | bytes]
_DROP_FROM_BOUNDING_SET, _CAPABILITIES = 24, (1, 2)  # prctl(2): DAC_OVERRIDE, DAC_READ_SEARCH


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the program gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def rules(self) -> list[str]:
        """The rules of the findings in a JSON report."""
        return [f["rule"] for f in self.json["findings"]]


@pytest.fixture
def project(tmp_path: Path) -> Callable[[Files], Path]:
    """Writes files into a project of its own; `.git` keeps the search for settings inside it."""

    def make(files: Files, name: str = "project") -> Path:
        root = tmp_path / name
        (root / ".git").mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        return root

    return make


def _without_privileges() -> None:
    """Root reads every file; in a child without these capabilities, permissions count again."""
    if os.geteuid() == 0:
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        for capability in _CAPABILITIES:
            prctl(_DROP_FROM_BOUNDING_SET, capability, 0, 0, 0)


@pytest.fixture
def migsafe(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Runs `python -m migsafe` in a scrubbed environment; no traceback, nothing left behind."""
    temporary = tmp_path / "temporary-files"
    temporary.mkdir()

    def run(
        *arguments: object,
        cwd: Path,
        stdin: str | bytes = b"",
        env: Mapping[str, str] | None = None,
        python: tuple[str, ...] = (),
        unprivileged: bool = False,
    ) -> Run:
        scrubbed = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TMPDIR": str(temporary)}
        done = subprocess.run(
            [sys.executable, *python, "-m", "migsafe", *map(str, arguments)],
            cwd=cwd,
            env={**scrubbed, **(env or {})},
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            check=False,
            timeout=300,
            preexec_fn=_without_privileges if unprivileged else None,
        )
        out, err = (s.decode("utf-8", "surrogateescape") for s in (done.stdout, done.stderr))
        assert "Traceback (most recent call last)" not in out + err
        return Run(done.returncode, out, err)

    yield run
    assert list(temporary.iterdir()) == []


@pytest.fixture
def inside(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Run]]:
    """The same program without a process of its own: for the many small variations."""

    def run(
        *arguments: object,
        cwd: Path,
        stdin: str | bytes = b"",
        env: Mapping[str, str] | None = None,
    ) -> Run:
        monkeypatch.chdir(cwd)
        given = io.BytesIO(stdin.encode() if isinstance(stdin, str) else stdin)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(given))
        for name in ("NO_COLOR", "FORCE_COLOR", "MIGSAFE_TRACEBACK"):
            monkeypatch.delenv(name, raising=False)
        for name, value in {"MIGSAFE_CACHE": "off", **(env or {})}.items():
            monkeypatch.setenv(name, value)
        code = cli.run([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return Run(int(code), out, err)

    yield run
    gc.enable()  # lint switches it off for its one short run


@pytest.fixture
def database(tmp_path: Path) -> Callable[[str], bytes]:
    """The bytes of a SQLite database that a script builds."""
    numbers = iter(range(10_000))

    def make(script: str) -> bytes:
        path = tmp_path / f"made-{next(numbers)}.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(script)
        data = path.read_bytes()
        path.unlink()
        return data

    return make


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, tuple[str, int]]]:
    """Every file and folder below a path, with its content's digest and its time of change."""

    def take(root: Path) -> dict[str, tuple[str, int]]:
        return {
            p.relative_to(root).as_posix(): (
                hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else "",
                p.stat().st_mtime_ns,
            )
            for p in sorted(root.rglob("*"))
        }

    return take


# -- database servers -------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server for all tests of this process; they are skipped where there is none."""
    try:
        server = postgres_engine.open_server()
    except NoServer as error:
        pytest.skip(f"not run: {error.message}")
    yield server
    server.close()


@pytest.fixture(scope="session")
def mysql() -> Iterator[MysqlServer]:
    """A MariaDB or MySQL server for all tests of this process; skipped where there is none."""
    try:
        server = mysql_engine.open_server()
    except NoServer as error:
        pytest.skip(f"not run: {error.message}")
    yield server
    server.close()


@pytest.fixture(scope="session")
def mariadb(mysql: MysqlServer) -> MysqlServer:
    """The same where it is MariaDB: what holds of that product alone."""
    if mysql.product != "MariaDB":
        pytest.skip(f"not run: the server is {mysql.product}, not MariaDB")
    return mysql


@pytest.fixture
def pg(postgres: PostgresServer) -> Iterator[PostgresSession]:
    """A session in an empty PostgreSQL database of its own."""
    name = postgres.create_database()
    session = postgres.connect(name)
    yield session
    session.close()
    postgres.drop_database(name)


@pytest.fixture
def my(mysql: MysqlServer) -> Iterator[MysqlSession]:
    """A session in an empty MariaDB or MySQL database of its own."""
    name = mysql.create_database()
    session = mysql.connect(name)
    yield session
    session.close()
    mysql.drop_database(name)
