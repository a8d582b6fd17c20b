"""Versions of servers, and what is supposed where a project names none."""

from __future__ import annotations

import re
from dataclasses import dataclass

from migsafe.model.migration import Dialect

_SUPPOSED = {Dialect.POSTGRES: "14", Dialect.MYSQL: "8.0.12"}
"""The oldest release series with wide use, where `[engine] oldest` is silent."""


@dataclass(frozen=True, slots=True)
class Version:
    """A server's product (postgres, mysql, mariadb) and its version as one number.

    PostgreSQL counts as server_version_num does (14.2: 140002, 9.6.3: 90603), the others
    major * 10000 + minor * 100 + patch (8.0.29: 80029, 10.6.4: 100604).
    """

    product: str
    number: int


def oldest(dialect: Dialect, text: str) -> Version:
    """The oldest server version in use; `text` as in `[engine] oldest`, "" for none.

    "mariadb 10.6" and "mysql 8.0" name the product; without it 10 and later are MariaDB's: MySQL
    went from 8 to 9 and MariaDB from 5 to 10.
    """
    numbers = [int(n) for n in re.findall(r"\d+", text or _SUPPOSED.get(dialect, ""))][:3]
    major, minor, patch = (*numbers, 0, 0, 0)[:3]
    if dialect is Dialect.POSTGRES:
        modern = major >= 10
        number = major * 10_000 + (minor if modern else minor * 100 + patch)
        return Version("postgres", number)
    named = re.search(r"maria|mysql", text.lower())
    maria = named[0] == "maria" if named else major >= 10
    return Version("mariadb" if maria else "mysql", major * 10_000 + minor * 100 + patch)
