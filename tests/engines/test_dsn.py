"""The address in `[engine] dsn`."""

from __future__ import annotations

import getpass
from dataclasses import replace

import pytest

from migsafe.engines.dsn import address, url
from migsafe.engines.servers import Address
from migsafe.errors import ConfigError


def read(dsn: str) -> Address:
    return address(dsn, 5432, ".s.PGSQL.{port}", "postgres")


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        (
            "postgresql://me:s%40cret@db.example:6432/app",
            Address("", "db.example", 6432, "me", "s@cret", "app", None),
        ),
        (
            "postgresql+psycopg://me@h/app?sslmode=require",
            Address("", "h", 5432, "me", "", "app", True),
        ),
        (
            "postgres://me@/app?host=/var/run/pg&port=5433",
            Address("/var/run/pg/.s.PGSQL.5433", "", 0, "me", "", "app"),
        ),
        (
            "mysql://root@127.0.0.1:3307/",
            Address("", "127.0.0.1", 3307, "root", "", "postgres", None),
        ),
        (
            "mysql://root@/?unix_socket=/run/my.sock",
            Address("/run/my.sock", user="root", database="postgres"),
        ),
        (
            "host=h user=me password='it''s' sslmode=disable".replace("''", "\\'"),
            Address("", "h", 5432, "me", "it's", "postgres", False),
        ),
        ("dbname=app", Address("", "localhost", 5432, getpass.getuser(), "", "app", None)),
    ],
)  # fmt: skip
def test_an_address_is_read(dsn: str, expected: Address) -> None:
    assert read(dsn) == expected


@pytest.mark.parametrize(
    "dsn",
    [
        "postgres://me:hush@h:port/x",
        "host=h password=hush sslmode=maybe",
        "password=hush port=x",
        "!hush",
    ],
)
def test_what_cannot_be_read_is_said_without_the_password(dsn: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(dsn)
    assert "hush" not in error.value.message + error.value.hint


def test_an_address_does_not_show_its_password() -> None:
    assert "hush" not in repr(read("postgres://me:hush@h/x"))


@pytest.mark.parametrize(
    ("scheme", "given"),
    [
        ("postgresql", Address(socket="/run/a b/.s.PGSQL.5433", user="me", database="d")),
        ("postgresql", Address(host="h", port=5432, user="m e", password="p/@:", database="d")),
        ("mysql", Address(socket="/run/a/socket", user="root", database="d")),
        ("mysql", Address(host="::1", port=3307, user="u", database="d")),
    ],
)
def test_the_url_of_a_database_leads_back_to_it(scheme: str, given: Address) -> None:
    socket = ".s.PGSQL.{port}" if scheme == "postgresql" else "mysql.sock"
    read = address(url(scheme, given, "d"), 1, socket, "")
    assert replace(read, tls=False) == given
