"""Which algorithm MariaDB or MySQL takes for an ALTER TABLE, and whether it rebuilds the table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from migsafe.engines.mysql import MysqlServer
from migsafe.engines.mysql_session import MysqlSession
from migsafe.engines.session import ServerError
from migsafe.model.migration import Dialect
from migsafe.model.observed import Algorithm
from migsafe.sql.tokens import Token, tokenize

_ALGORITHMS = {
    "MariaDB": ("INSTANT", "NOCOPY", "INPLACE", "COPY"),
    "MySQL": ("INSTANT", "INPLACE", "COPY"),
}
"""From cheap to dear (mariadb.com/kb: InnoDB Online DDL; MySQL 8.0, 17.12 Online DDL)."""

_LOCKS = ("NONE", "SHARED", "EXCLUSIVE")
_REFUSED = frozenset({"1845", "1846"})
"""ER_ALTER_OPERATION_NOT_SUPPORTED, with a reason and without."""

_WORDS = frozenset({"INSTANT", "NOCOPY", "INPLACE", "COPY", "DEFAULT"})
_ENCODED = re.compile(r"@([0-9a-f]{4})")


def cheapest(server: MysqlServer, database: str, sql: str) -> Algorithm | None:
    """The cheapest algorithm and weakest lock that the server accepts for this statement.

    It is tried on empty copies of the tables of `database`, one of ours, which stays as it is.
    The statement is an ALTER TABLE, CREATE INDEX or DROP INDEX that names no database; where it
    demands an algorithm or a lock itself, only that is tried. None for every other statement.
    Raises ServerError where the statement fails on empty tables too.
    """
    tokens = tokenize(sql, Dialect.MYSQL)
    words = [token.upper for token in tokens[:4]]
    alters = words[:1] == ["ALTER"] and "TABLE" in words
    if not alters and not (words[:1] in (["CREATE"], ["DROP"]) and "INDEX" in words):
        return None
    text, given = _without_demands(sql.rstrip("; \t\r\n"), tokens)
    if words[0] == "DROP":
        text, alters = _as_alter(text), True
    mark = ", " if alters else " "
    tries = [
        (algorithm, lock, text + "\n" + "".join(mark + demand for demand in demands))
        for algorithm, lock in _combinations(server.product, given)
        for demands in [_demands(server.product, algorithm, lock)]
    ]
    copy = server.create_empty_like(database)
    session = server.connect(copy)
    try:
        return _first_accepted(session, tries)
    finally:
        session.close()
        server.drop_database(copy)


def _first_accepted(
    session: MysqlSession, tries: Sequence[tuple[str, str, str]]
) -> Algorithm | None:
    refused: ServerError | None = None
    for algorithm, lock, sql in tries:
        before = table_ids(session)
        try:
            session.execute(sql)
        except ServerError as error:
            if error.code not in _REFUSED:
                raise
            refused = error
            continue
        after = table_ids(session)
        rebuilt = any(after.get(table, number) != number for table, number in before.items())
        return Algorithm(algorithm, lock, rebuilt)
    if refused:
        raise refused
    return None


def _combinations(product: str, given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Every algorithm with every lock that the statement's own demands leave open."""
    for algorithm in _ALGORITHMS[product]:
        if given.get("ALGORITHM", "DEFAULT") not in {algorithm, "DEFAULT"}:
            continue
        for lock in _LOCKS:
            if given.get("LOCK", "DEFAULT") in {lock, "DEFAULT"}:
                yield algorithm, lock


def _demands(product: str, algorithm: str, lock: str) -> list[str]:
    """MySQL takes no LOCK beside INSTANT (8.0, 15.1.9 ALTER TABLE)."""
    first = f"ALGORITHM={algorithm}"
    return [first] if product == "MySQL" and algorithm == "INSTANT" else [first, f"LOCK={lock}"]


def _as_alter(sql: str) -> str:
    """DROP INDEX i ON t as what it stands for: MariaDB's own form takes no demands."""
    tokens = tokenize(sql, Dialect.MYSQL)
    words = [token.upper for token in tokens]
    if "ON" not in words:
        return sql
    index, on = tokens[words.index("INDEX")], tokens[words.index("ON")]
    return f"ALTER TABLE {sql[on.end :]} DROP INDEX {sql[index.end : on.start]}"


def _without_demands(sql: str, tokens: Sequence[Token]) -> tuple[str, Mapping[str, str]]:
    """The statement without its own ALGORITHM and LOCK clauses, and what they ask for."""
    given = {}
    for at in range(len(tokens) - 1, 0, -1):
        if tokens[at].upper not in {"ALGORITHM", "LOCK"} or at + 1 >= len(tokens):
            continue
        last = at + (2 if tokens[at + 1].text == "=" else 1)
        if last >= len(tokens) or tokens[last].upper not in {*_WORDS, *_LOCKS}:
            continue
        given[tokens[at].upper] = tokens[last].upper
        start = tokens[at - 1].start if tokens[at - 1].text == "," else tokens[at].start
        sql = sql[:start] + sql[tokens[last].end :]
    return sql, given


def table_ids(session: MysqlSession) -> Mapping[str, int]:
    """InnoDB's number of each table of the session's database: a rebuilt table gets a new one.

    Temporary tables and other storage engines have none.
    """
    told = _ids(session, "innodb_sys_tables") or _ids(session, "innodb_tables")
    return {_decoded(name.partition("/")[2]): number for name, number in told}


def _ids(session: MysqlSession, view: str) -> list[tuple[str, int]]:
    """MariaDB has kept the view's old name; MySQL 8 calls it the other."""
    try:
        found = session.execute(
            f"SELECT name, table_id FROM information_schema.{view}"
            f" WHERE name LIKE '{session.database.replace('_', chr(92) + '_')}/%'"
        )
    except ServerError:
        return []
    return [(str(name), int(number)) for name, number in found]


def _decoded(name: str) -> str:
    """The name of a table from that of its file (MySQL 8.0, 11.2.4: @ and four hex digits)."""
    return _ENCODED.sub(lambda match: chr(int(match[1], 16)), name)
