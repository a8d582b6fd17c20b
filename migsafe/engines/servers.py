"""Database servers of our own: whom they run as, where their files lie, how they come and go."""

from __future__ import annotations

import atexit
import itertools
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from migsafe.engines import keeper
from migsafe.engines.keeper import FOLDER, SCRATCH, Task
from migsafe.engines.session import Session
from migsafe.errors import MigsafeError

__all__ = [
    "FOLDER",
    "SCRATCH",
    "Address",
    "Kept",
    "Names",
    "NoServer",
    "Server",
    "plugged",
    "programs",
]

_LONGEST_SOCKET = 100
"""Bytes: macOS allows 103 for the path of a Unix socket, Linux 107 (unix(7))."""
_LONGEST_NAME = len("/migsafe-12345678/.s.PGSQL.5432")
_BASES = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - folders in which to make one of our own
_PATIENCE = 60.0  # seconds for a server to answer, and for its keeper to end
_LOOK_EVERY = 0.01  # seconds between two attempts to speak to a server that starts


class NoServer(MigsafeError):
    """No server of that product can be had; the message says where one was looked for."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens, and as whom to speak to it. It can be sent to other processes.

    `socket` is the path of a Unix socket, "" where `host` and `port` count. `database` is the one
    to be in while databases are made and dropped. `tls`: None for where it can be had.
    """

    socket: str = ""
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    database: str = ""
    tls: bool | None = False

    @property
    def shown(self) -> str:
        """The place as a message may name it, without the password."""
        return self.socket or f"{self.host}:{self.port}"


def plugged(address: Address) -> socket.socket:
    """A socket that is connected to the server. Raises OSError.

    The drivers do not close theirs where nobody answers.
    """
    if not address.socket:
        return socket.create_connection((address.host, address.port))
    plug = socket.socket(socket.AF_UNIX)
    try:
        plug.connect(address.socket)
    except BaseException:
        plug.close()
        raise
    return plug


class Server(Protocol):
    """A running server, in which databases of our own come and go."""

    product: str
    """PostgreSQL, MariaDB or MySQL."""
    version: tuple[int, ...]
    """Such as (15, 18) or (10, 11, 19)."""
    address: Address

    def connect(self, database: str) -> Session:
        """A new session in that database, in autocommit mode. Raises NoServer."""

    def create_database(self, template: str = "") -> str:
        """Make a database, empty or like one of ours, and return its name."""

    def drop_database(self, name: str) -> None:
        """Drop a database of ours, whoever is in it."""

    def close(self) -> None:
        """Drop all databases of ours; stop the server where it is ours."""


class Names:
    """Names for the databases of one run, which no other run on the same server has.

    A run holds a lock on its `key` in the server, so that databases whose run has ended can be
    told from those still in use.
    """

    def __init__(self) -> None:
        self.key = secrets.randbits(31)
        self._numbers = itertools.count(1)

    def __next__(self) -> str:
        return f"migsafe_{self.key:08x}_{next(self._numbers)}"

    @staticmethod
    def key_of(name: str) -> int | None:
        """The key of the run that made a database; None where none of ours has that name."""
        match = re.fullmatch(r"migsafe_([0-9a-f]{8})_[0-9]+", name)
        return int(match[1], 16) if match else None


# -- finding ----------------------------------------------------------------------------------


def programs(name: str, patterns: Iterable[str], beside: Sequence[str] = ()) -> Iterator[Path]:
    """Programs of that name: first on PATH, then in the folders of these patterns, newest first.

    Only a program counts beside which those of `beside` lie.
    """
    on_path = shutil.which(name)
    folders = [Path(on_path).resolve().parent] if on_path else []
    for pattern in patterns:
        found = Path("/").glob(pattern.lstrip("/"))
        folders.extend(sorted(found, key=lambda folder: _numbers(str(folder)), reverse=True))
    for folder in dict.fromkeys(folders):
        if all(os.access(folder / each, os.X_OK) for each in (name, *beside)):
            yield folder / name


def _numbers(text: str) -> list[int]:
    digits = "".join(c if c.isdigit() else " " for c in text)
    return [int(word) for word in digits.split()]


# -- keeping ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Account:
    user: int
    group: int


def _account(preferred: Sequence[str]) -> _Account | None:
    """Whom a server runs as: None for ourselves. Neither product runs as root.

    Raises NoServer.
    """
    if os.name != "posix":
        raise NoServer(
            "a server of our own needs Unix sockets, which this system does not have",
            hint="start a server yourself and set [engine] dsn",
        )
    if os.geteuid() != 0:
        return None
    import pwd  # noqa: PLC0415 - not on every system, and only root needs it

    for name in (*preferred, "nobody", "daemon"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return _Account(entry.pw_uid, entry.pw_gid)
    raise NoServer(
        "a server does not run as root, and this system has no other user to run it as",
        hint="run migsafe as another user, or set [engine] dsn",
    )


def _base(account: _Account | None) -> str:
    """A folder for temporary files that the server can reach, with a short enough name."""
    for base in (tempfile.gettempdir(), *_BASES):
        short = len(os.fsencode(base)) + _LONGEST_NAME <= _LONGEST_SOCKET
        if short and os.access(base, os.W_OK | os.X_OK) and _reaches(account, Path(base)):
            return base
    raise NoServer(
        "there is no folder for temporary files that a server could use",
        hint="set TMPDIR to a short path that every user can enter",
    )


def _reaches(account: _Account | None, base: Path) -> bool:
    if account is None:
        return True
    stats = [folder.stat() for folder in (base, *base.parents)]
    return all(s.st_mode & (0o100 if s.st_uid == account.user else 0o001) for s in stats)


def _environment() -> dict[str, str]:
    """What a server needs of our environment: no setting of a client or of another server."""
    path = os.environ.get("PATH", os.defpath)
    return {"PATH": path, "LC_ALL": "C", "TZ": "UTC", "HOME": FOLDER}


class Kept:
    """A server process of ours, until `close` or the end of this process, whatever ends it.

    `before` are commands that prepare its folder, `program` is the server itself, `users` are those
    that the product's packages make for it. Raises NoServer.
    """

    def __init__(
        self,
        product: str,
        before: Sequence[Sequence[str]],
        program: Sequence[str],
        stop: int,
        users: Sequence[str] = (),
    ) -> None:
        self._product = product
        account = _account(users)
        task = Task(
            base=_base(account),
            user=None if account is None else [account.user, account.group],
            before=[list(command) for command in before],
            server=list(program),
            stop=stop,
            environment=_environment(),
        )
        self._owner = os.getpid()
        self._keeper = subprocess.Popen(  # noqa: S603 - this very Python
            [sys.executable, "-I", "-S", keeper.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        atexit.register(self.close)
        try:
            self._write(json.dumps(task).encode() + b"\n")
            self.folder = Path(self._answer("folder"))
        except BaseException:
            self.close()
            raise

    def _write(self, line: bytes) -> None:
        assert self._keeper.stdin
        self._keeper.stdin.write(line)
        self._keeper.stdin.flush()

    def _answer(self, key: str) -> str:
        assert self._keeper.stdout
        told = json.loads(self._keeper.stdout.readline() or b"{}")
        if key not in told:
            raise NoServer(
                f"{self._product} does not start: {told.get('error', 'its keeper ended')}",
                hint="start a server yourself and set [engine] dsn",
            )
        return str(told[key])

    def first_session(self, connect: Callable[[], Session]) -> Session:
        """The first session that the server lets us have. Raises NoServer where it ends before."""
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                return connect()
            except NoServer as error:
                if self._keeper.poll() is not None:
                    self._answer("session")
                if time.monotonic() > end:
                    raise NoServer(f"{self._product} does not answer: {error.message}") from error
            time.sleep(_LOOK_EVERY)

    def close(self) -> None:
        """Stop the server, remove its files and wait until both is done."""
        atexit.unregister(self.close)
        if os.getpid() != self._owner:
            return  # a forked child shares the pipe, but the server is not its own
        assert self._keeper.stdin
        assert self._keeper.stdout
        with suppress(OSError):
            self._keeper.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._keeper.wait(_PATIENCE)
        self._keeper.stdout.close()
