"""Directories of SQL files: one value for each tool that keeps its migrations that way."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sections:
    """What a file says of itself: character ranges of its upgrade and downgrade.

    `transactional` None: the file is silent. `whole` are ranges that the tool sends as one piece.
    """

    up: tuple[tuple[int, int], ...] = ()
    down: tuple[tuple[int, int], ...] = ()
    transactional: bool | None = None
    whole: tuple[tuple[int, int], ...] = ()
    missing: str = ""  # the directive that the tool insists on and that the file lacks


Reader = Callable[[str], Sections]
Key = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """One way to name and to mark SQL files.

    `file` has the groups version, title and (where up and down are files of their own)
    direction; `folder` is the same for a folder per migration. `mark` is a directive that tells
    this layout from others that name their files alike. `separators` divide a version's numbers.
    `version_query` gives one value, NULL or no row before the first migration.
    """

    name: str
    file: re.Pattern[str]
    read: Reader
    folder: re.Pattern[str] | None = None
    mark: re.Pattern[str] | None = None
    repeatable: re.Pattern[str] | None = None
    separators: str = ""
    version_tables: tuple[str, ...] = ()
    version_query: str = ""
    settings_suffix: str = ""  # a file beside the migration that holds settings for it
    outside: re.Pattern[str] | None = None  # a statement that this tool runs in no transaction
    out_of_order: bool = False  # does it run what comes to stand before what was run already?
    runs: str = (
        ""  # on PostgreSQL: "wrapped" in a transaction, as one "string", "" as the user does
    )

    def key(self, version: str) -> Key:
        """What a version is ordered and compared by: its numbers, without trailing zeros."""
        numbers = [int(n) for n in re.findall(r"\d+", version)]
        while self.separators and len(numbers) > 1 and numbers[-1] == 0:
            numbers.pop()
        return tuple(numbers)


def plain(text: str) -> Sections:
    """The whole file is the upgrade."""
    return Sections(((0, len(text)),))


# -- files divided by directives ------------------------------------------------------------------

_GOOSE = re.compile(r"^[ \t]*--[ \t]*\+goose[ \t]+(?P<words>[^\r\n]*)", re.M | re.I)
_DBMATE = re.compile(r"^[ \t]*--[ \t]*migrate:(?P<words>(?:up|down)\b[^\r\n]*)", re.M)


def _words(match: re.Match[str]) -> str:
    return " ".join(match["words"].lower().split())


def goose(text: str) -> Sections:
    """`-- +goose Up`, `Down`, `StatementBegin`, `StatementEnd`, `NO TRANSACTION`."""
    marks = list(_GOOSE.finditer(text))
    turns = [m for m in marks if _words(m) in {"up", "down"}]
    silent = not any(_words(m) == "no transaction" for m in marks)
    return Sections(
        up=_ranges(text, turns, "up"),
        down=_ranges(text, turns, "down"),
        transactional=None if silent else False,
        whole=_blocks(text, marks),
        missing="" if any(_words(m) == "up" for m in turns) else "-- +goose Up",
    )


def _ranges(text: str, turns: list[re.Match[str]], name: str) -> tuple[tuple[int, int], ...]:
    ends = [*(m.start() for m in turns[1:]), len(text)]
    named = zip(turns, ends, strict=False)
    return tuple((m.end(), end) for m, end in named if _words(m).split()[0] == name)


def _blocks(text: str, marks: list[re.Match[str]]) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    begin: int | None = None
    for mark in marks:
        if _words(mark) == "statementbegin":
            begin = mark.end()
        elif _words(mark) == "statementend" and begin is not None:
            found.append((begin, mark.start()))
            begin = None
    if begin is not None:
        found.append((begin, len(text)))
    return tuple(found)


def dbmate(text: str) -> Sections:
    """`-- migrate:up transaction:false` and `-- migrate:down`."""
    turns = list(_DBMATE.finditer(text))
    ups = [_words(m).split() for m in turns if _words(m).startswith("up")]
    said = [w.partition(":")[2] for words in ups for w in words if w.startswith("transaction:")]
    return Sections(
        up=_ranges(text, turns, "up"),
        down=_ranges(text, turns, "down"),
        transactional=None if not said else said[-1] != "false",
        missing="" if ups else "-- migrate:up",
    )


_NO_TRANSACTION = re.compile(r"\A-- no-transaction")


def sqlx(text: str) -> Sections:
    """`-- no-transaction` at the very beginning (launchbadge/sqlx, migrate/source.rs)."""
    mark = _NO_TRANSACTION.match(text)
    return Sections(((0, len(text)),), transactional=False if mark else None)


# -- the layouts ----------------------------------------------------------------------------------

_NUMBERED = re.compile(
    r"(?P<version>\d+)(?:[-_. ]+(?P<title>.+?))??(?:\.(?P<direction>up|down))?\.sql", re.I
)

NUMBERED = Layout(
    name="numbered",
    file=_NUMBERED,
    read=plain,
    folder=re.compile(r"(?P<version>\d[\d-]*)(?:[-_. ]+(?P<title>.+))?"),
)
"""Plain numbers: `0001_name.sql`, or a folder each with `up.sql` or `migration.sql`."""

GOLANG_MIGRATE = Layout(
    name="golang-migrate",
    runs="string",  # unless x-multi-statement is set (database/postgres/README.md)
    # Whatever follows the direction is the extension, even ".sql" after one dot too many.
    file=re.compile(r"(?P<version>\d+)_(?P<title>.*)\.(?P<direction>up|down)\..*sql"),
    read=plain,
    version_tables=("schema_migrations",),
    version_query="SELECT version FROM schema_migrations LIMIT 1",
)

GOOSE = Layout(
    name="goose",
    runs="wrapped",
    file=re.compile(r"(?P<version>\d+)_(?P<title>.+)\.sql"),
    read=goose,
    mark=_GOOSE,
    version_tables=("goose_db_version",),
    # A downgrade adds a newer row for the same version; row 0 stands for the empty database.
    version_query=(
        "SELECT nullif(max(version_id), 0) FROM goose_db_version AS g WHERE is_applied"
        " AND NOT EXISTS (SELECT 1 FROM goose_db_version AS newer"
        " WHERE newer.version_id = g.version_id AND newer.id > g.id AND NOT newer.is_applied)"
    ),
)

DBMATE = Layout(
    name="dbmate",
    out_of_order=True,  # unless it is told to be strict (dbmate, README, --strict)
    runs="wrapped",
    file=re.compile(r"(?P<version>\d+)(?:[-_](?P<title>.+))?\.sql"),
    read=dbmate,
    mark=_DBMATE,
    version_tables=("schema_migrations",),
    version_query="SELECT max(version) FROM schema_migrations",
)

SQLX = Layout(
    name="sqlx",
    out_of_order=True,  # whatever its table lacks (launchbadge/sqlx, migrate/migrator.rs)
    runs="wrapped",
    file=re.compile(r"(?P<version>\d+)_(?P<title>.+?)(?:\.(?P<direction>up|down))?\.sql"),
    read=sqlx,
    mark=_NO_TRANSACTION,
    version_tables=("_sqlx_migrations",),
    version_query="SELECT max(version) FROM _sqlx_migrations WHERE success",
)

FLYWAY = Layout(
    name="flyway",
    runs="wrapped",
    file=re.compile(
        r"(?P<direction>[VU])(?P<version>\d+(?:[._]\d+)*)(?:__(?P<title>.+))?\.sql", re.I
    ),
    read=plain,
    repeatable=re.compile(r"R__(?P<title>.+)\.sql"),
    separators="._",
    version_tables=("flyway_schema_history",),
    version_query=(
        "SELECT version FROM flyway_schema_history AS h"
        " WHERE success AND version IS NOT NULL AND type NOT LIKE 'UNDO%'"
        " AND NOT EXISTS (SELECT 1 FROM flyway_schema_history AS u WHERE u.version = h.version"
        " AND u.type LIKE 'UNDO%' AND u.installed_rank > h.installed_rank)"
        " ORDER BY installed_rank DESC LIMIT 1"
    ),
    settings_suffix=".conf",
    # A file with one of these is run without a transaction (flyway/flyway issue 2190; the
    # documentation of its PostgreSQL support for the rest).
    outside=re.compile(
        r"PRAGMA\s+foreign_keys\b|VACUUM\b"
        r"|(?:CREATE\s+(?:UNIQUE\s+)?INDEX|DROP\s+INDEX|REINDEX\s+\w+)\s+CONCURRENTLY\b",
        re.I,
    ),
)

LAYOUTS = {x.name: x for x in (FLYWAY, GOOSE, DBMATE, SQLX, GOLANG_MIGRATE, NUMBERED)}
"""All layouts by name, the most telling first."""


def recognise(names: list[str], opening: Callable[[str], str]) -> Layout | None:
    """The layout of a folder with these entries, or None where nothing looks like a migration.

    `opening` gives a file's text ("" where it cannot be read); few files are asked for.
    """
    if any(FLYWAY.file.fullmatch(n) and "__" in n for n in names):
        return FLYWAY
    if any(n.endswith(".up.sql") and GOLANG_MIGRATE.file.fullmatch(n) for n in names):
        return GOLANG_MIGRATE
    numbered = [n for n in names if _NUMBERED.fullmatch(n)]
    for layout in (GOOSE, DBMATE, SQLX):
        assert layout.mark is not None
        if any(layout.mark.search(opening(n)) for n in numbered[:20]):
            return layout
    return NUMBERED if numbered else None
