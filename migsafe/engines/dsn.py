"""The address of a user's own server, read from `[engine] dsn`."""

from __future__ import annotations

import getpass
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from migsafe.engines.servers import Address
from migsafe.errors import ConfigError

_PAIR = re.compile(r"\s*(\w+)\s*=\s*('(?:[^'\\]|\\.)*'|[^'\s]\S*|)")
_TLS: Mapping[str, bool | None] = {
    "disable": False, "allow": None, "prefer": None, "require": True, "verify-ca": True,
    "verify-full": True, "disabled": False, "preferred": None, "required": True,
}  # fmt: skip
"""libpq's sslmode (libpq-connect.html) and MySQL's ssl-mode; a certificate is not verified."""


def address(dsn: str, port: int, socket: str, database: str) -> Address:
    """Where that server is: a URL of any driver, or libpq's `key=value` form.

    `port` is the product's own, `socket` the name of a socket's file in a folder (with `{port}`),
    `database` the one to be in where none is named. Raises ConfigError, which does not repeat the
    password.
    """
    given = _from_url(dsn) if "://" in dsn else _from_pairs(dsn)
    host = given.get("host", "")
    try:
        number = int(given.get("port") or port)
    except ValueError:
        raise _bad("its port is no number") from None
    path = given.get("unix_socket") or given.get("unix_sock") or ""
    if host.startswith("/"):
        path, host = f"{host}/{socket.format(port=number)}", ""
    return Address(
        socket=path,
        host="" if path else host or "localhost",
        port=0 if path else number,
        user=given.get("user") or getpass.getuser(),
        password=given.get("password", ""),
        database=given.get("dbname") or database,
        tls=False if path else _tls(given),
    )


def url(scheme: str, address: Address, database: str) -> str:
    """The URL of a database there, as clients and `address` read it; it holds the password."""
    who = quote(address.user, safe="") + (
        ":" + quote(address.password, safe="") if address.password else ""
    )
    if address.socket and scheme == "postgresql":
        folder, _, file = address.socket.rpartition("/")
        asked = {"host": folder, "port": file.rpartition(".")[2]}
        return f"{scheme}://{who}@/{database}?{urlencode(asked, safe='/')}"
    if address.socket:
        return f"{scheme}://{who}@localhost/{database}?{urlencode({'unix_socket': address.socket})}"
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{scheme}://{who}@{host}:{address.port}/{database}"


def _bad(why: str) -> ConfigError:
    return ConfigError(
        f"[engine] dsn cannot be read: {why}", hint="such as postgresql://user@host:5432/postgres"
    )


def _tls(given: Mapping[str, str]) -> bool | None:
    mode = (given.get("sslmode") or given.get("ssl-mode") or "prefer").lower()
    if mode not in _TLS:
        raise _bad("its sslmode is none that is known")
    return _TLS[mode]


def _from_url(dsn: str) -> dict[str, str]:
    try:
        parts = urlsplit(dsn)
        port = parts.port
    except ValueError:
        raise _bad("it is no URL") from None
    found = {
        "host": unquote(parts.hostname or ""),
        "port": str(port or ""),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "dbname": unquote(parts.path.lstrip("/")),
    }
    return {**found, **dict(parse_qsl(parts.query))}


def _from_pairs(dsn: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while dsn[at:].strip():
        match = _PAIR.match(dsn, at)
        if not match:
            raise _bad("it is neither a URL nor key=value pairs")
        value = match[2]
        if value.startswith("'"):
            value = value[1:-1]
        found[match[1]] = re.sub(r"\\(.)", r"\1", value)
        at = match.end()
    return found
