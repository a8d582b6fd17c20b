"""Read a directory of SQL migrations into a History, whatever tool it belongs to."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from migsafe.adapters.files import Folder, digest
from migsafe.adapters.layouts import FLYWAY, LAYOUTS, NUMBERED, Key, Layout, Sections, recognise
from migsafe.adapters.options import Options
from migsafe.errors import BrokenHistory, NothingToCheck, UnreadableMigration
from migsafe.model.migration import CodeStep, Dialect, History, Migration, Span, Statement, ordered
from migsafe.sql.split import comments, split

PLACES = (
    "migrations",
    "db/migrations",
    "sql/migrations",
    "db/migrate",
    "database/migrations",
    "src/main/resources/db/migration",
    "migrations/sqlite",
    "migrations/sql",
    "src/migrations",
    "sql",
    "prisma/migrations",
    "drizzle",
    "db",
)
"""Where SQL migrations usually lie, seen from the root of a project."""

_FOLDER_UP = {"up.sql": "wrapped", "migration.sql": "string"}
"""The upgrades of Diesel and of Prisma, and how they run on PostgreSQL: see `Layout.runs`."""
_CODE = re.compile(r"(?P<stem>[VR]?\d.*)\.(go|py|kt|java|rs|ts|js|rb|php|cs|swift)", re.IGNORECASE)
_BEGINS = re.compile(r"(?:BEGIN|START\s+TRANSACTION)\b", re.IGNORECASE)
_NO_TRANSACTION = re.compile(
    r"^\s*(?:executeInTransaction|run_in_transaction)\s*=\s*(true|false)\s*$", re.M | re.I
)  # Flyway's script configuration, Diesel's metadata.toml


@dataclass(frozen=True, slots=True)
class _File:
    """One upgrade file, and its downgrade file where there is one."""

    version: str
    title: str
    folder: Folder
    name: str
    down: str = ""
    key: Key = ()
    settings: str = ""


@dataclass(slots=True)
class _Found:
    """What a folder holds, sorted by what it is."""

    ups: list[_File] = field(default_factory=list)
    repeatable: list[_File] = field(default_factory=list)
    downs: dict[Key, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    code: list[tuple[Key, str]] = field(default_factory=list)


def detect(root: Path) -> Path | None:
    """The first of the usual places that holds migrations, or None."""
    options = Options(Dialect.SQLITE)
    for place in PLACES:
        path = root / place
        if path.is_dir() and layout_of(Folder(root, path, options)):
            return path
    return None


def layout_of(folder: Folder) -> Layout | None:
    """The layout that a folder's entries show, or None."""

    def opening(name: str) -> str:
        try:
            return folder.text(name)
        except UnreadableMigration:
            return ""

    found = recognise(folder.names(), opening)
    if found is None and any(_in_folder(f) for f in folder.folders()):
        return NUMBERED
    return found


def load(root: Path, path: Path, options: Options, name: str = "sql") -> History:
    """The history in a folder; `name` is a layout's, or "sql" to find the layout.

    Raises NothingToCheck, BrokenHistory or UnreadableMigration.
    """
    folder = Folder(root, path, options)
    layout = LAYOUTS.get(name) or layout_of(folder) or NUMBERED
    found = _found(folder, layout)
    if not found.ups and not found.repeatable:
        raise _nothing(folder, layout)
    migrations = ordered(list(_migrations(found, layout, options)))
    return History(
        dialect=options.dialect,
        framework=layout.name,
        migrations=migrations,
        version_tables=layout.version_tables,
        version_query=layout.version_query,
        transactional=_wrapped(options, migrations),
        ignored=tuple(sorted(found.ignored)),
        code=tuple(_steps_in_code(found)),
        # Diesel and Prisma run whatever their table of versions lacks.
        out_of_order=layout.out_of_order or any(f.name in _FOLDER_UP for f in found.ups),
    )


def _wrapped(options: Options, migrations: tuple[Migration, ...]) -> bool:
    """Does the runner wrap each migration, as far as no file speaks for itself?

    A history whose oldest file opens a transaction itself could not have begun inside another.
    """
    if options.transaction is not None:
        return options.transaction
    if options.dialect is not Dialect.SQLITE:
        return False
    oldest = next((m.statements for m in migrations if m.statements), ())
    return not any(_BEGINS.match(statement.sql) for statement in oldest)


def _steps_in_code(found: _Found) -> Iterator[CodeStep]:
    keys = [f.key for f in found.ups]
    for key, path in sorted(found.code):
        at = bisect_left(keys, key)
        yield CodeStep(path, found.ups[at].version if at < len(keys) else "")


def _nothing(folder: Folder, layout: Layout) -> NothingToCheck:
    example = {"flyway": "V1__create_users.sql", "golang-migrate": "1_create_users.up.sql"}
    return NothingToCheck(
        f"the folder {folder.name('')[:-1] or '.'} holds no migrations",
        hint=f"a migration is named like {example.get(layout.name, '0001_create_users.sql')}; "
        "say where they are with [migrations] path",
    )


# -- which file is what ---------------------------------------------------------------------------


def _found(folder: Folder, layout: Layout) -> _Found:
    found = _Found()
    for name in folder.names():
        _sort_in(found, folder, layout, name)
    for inner in folder.folders() if layout.folder else ():
        made = _in_folder(inner)
        if made:
            found.ups.append(replace(made, key=layout.key(made.version)))
    found.ups.sort(key=lambda f: (f.key, f.name))
    known = {f.key for f in found.ups}
    found.ignored += [folder.name(n) for key, n in found.downs.items() if key not in known]
    return found


def _sort_in(found: _Found, folder: Folder, layout: Layout, name: str) -> None:
    match = layout.file.fullmatch(name)
    again = layout.repeatable.fullmatch(name) if layout.repeatable else None
    if again:
        found.repeatable.append(_File(f"R__{again['title']}", again["title"], folder, name))
    elif match:
        _sort_match(found, folder, layout, match)
    elif layout.settings_suffix and name.endswith(layout.settings_suffix):
        found.settings[name.removesuffix(layout.settings_suffix)] = name
    else:
        found.ignored.append(folder.name(name))
        _sort_code(found, folder, layout, name)


def _sort_code(found: _Found, folder: Folder, layout: Layout, name: str) -> None:
    """Program code that is named as a migration is has its place among them."""
    code = _CODE.fullmatch(name)
    as_sql = f"{code['stem']}.sql" if code else ""
    match = layout.file.fullmatch(as_sql) or NUMBERED.file.fullmatch(as_sql)
    if match is not None:
        key = layout.key(match["version"].replace("_", "."))
        found.code.append((key, folder.name(name)))


def _sort_match(found: _Found, folder: Folder, layout: Layout, match: re.Match[str]) -> None:
    groups, name = match.groupdict(), match.string
    version = groups["version"].replace("_", ".")
    key = layout.key(version)
    if (groups.get("direction") or "up").lower() in {"down", "u"}:
        found.downs[key] = name
    else:
        found.ups.append(_File(version, groups["title"] or "", folder, name, key=key))


def _in_folder(folder: Folder) -> _File | None:
    """The migration that a whole folder stands for, as Diesel and Prisma keep them."""
    assert NUMBERED.folder is not None
    match = NUMBERED.folder.fullmatch(folder.path.name)
    names = folder.names() if match else []
    up = next((n for n in _FOLDER_UP if n in names), None)
    settings = "metadata.toml" if "metadata.toml" in names else ""
    if match is None or up is None:
        return None
    down = "down.sql" if "down.sql" in names else ""
    version = match["version"].strip("-")
    return _File(version, match["title"] or "", folder, up, down, settings=settings)


# -- from files to migrations ---------------------------------------------------------------------


def _migrations(found: _Found, layout: Layout, options: Options) -> Iterator[Migration]:
    before: tuple[str, ...] = ()
    keys: dict[Key, str] = {}
    for file in (*_complete(found), *found.repeatable):
        path = file.folder.name(file.name)
        if file.key and keys.setdefault(file.key, path) != path:
            raise BrokenHistory(
                f"revision {file.version} exists twice: {keys[file.key]} and {path}",
                place=path,
                hint="give one of them another number",
            )
        yield _migration(file, layout, options, before)
        before = (file.version,)


def _complete(found: _Found) -> Iterable[_File]:
    for file in found.ups:
        down = file.down or found.downs.get(file.key, "")
        settings = file.settings or found.settings.get(file.name, "")
        yield replace(file, down=down, settings=settings)


def _migration(
    file: _File, layout: Layout, options: Options, parents: tuple[str, ...]
) -> Migration:
    path, text = file.folder.name(file.name), file.folder.text(file.name)
    sections = layout.read(text)
    dialect = options.dialect
    if sections.missing and split(text, dialect):
        raise UnreadableMigration(
            f"the migration {path} has no line {sections.missing!r}",
            place=f"{path}:1",
            hint=f"{layout.name} runs only what follows that line",
        )
    last = max((b for _, b in sections.up), default=len(text))
    statements = _statements(text, dialect, path, sections.up, sections.whole)
    said = tuple(c for c in comments(text, dialect, 0, last) if c[1].startswith("migsafe:"))
    return Migration(
        revision=file.version,
        path=path,
        parents=parents,
        title=" ".join(re.split(r"[-_\s]+", file.title.strip())),
        statements=statements,
        downgrade=_downgrade(file, text, dialect, layout),
        transactional=_transactional(file, layout, options, statements, sections),
        comments=said,
        digest=digest(text),
    )


def _transactional(
    file: _File,
    layout: Layout,
    options: Options,
    statements: tuple[Statement, ...],
    sections: Sections,
) -> bool | None:
    """Does a transaction go round the file? None: as round every other file of the history."""
    said = _by_settings(file, _by_statements(layout, statements, sections))
    if (
        said is not None
        or options.dialect is not Dialect.POSTGRES
        or options.transaction is not None
    ):
        return said
    runs = layout.runs or _FOLDER_UP.get(file.name, "")
    if runs != "string":
        return True if runs else None
    # One string is one transaction, except for a single statement or where it begins its own
    # (manual, 55.2.2.1 Multiple Statements in a Simple Query).
    return len(statements) > 1 and not any(_BEGINS.match(s.sql) for s in statements)


def _by_statements(
    layout: Layout, statements: tuple[Statement, ...], sections: Sections
) -> bool | None:
    """What the file says, or False for statements that keep the tool from opening a transaction."""
    outside = layout.outside
    if outside and any(outside.match(s.sql) for s in statements):
        return False
    return sections.transactional


def _by_settings(file: _File, said: bool | None) -> bool | None:
    match = _NO_TRANSACTION.search(file.folder.text(file.settings)) if file.settings else None
    return said if match is None else match[1].lower() == "true"


def _downgrade(file: _File, text: str, dialect: Dialect, layout: Layout) -> tuple[Statement, ...]:
    path = file.folder.name(file.name)
    if file.down:
        return split(file.folder.text(file.down), dialect, file.folder.name(file.down))
    sections = layout.read(text)
    return _statements(text, dialect, path, sections.down, sections.whole)


Ranges = tuple[tuple[int, int], ...]


def _statements(
    text: str, dialect: Dialect, path: str, ranges: Ranges, whole: Ranges
) -> tuple[Statement, ...]:
    """The statements of some sections. SQLite runs a block's statements one by one all the same;
    a server is sent the block as it stands.
    """
    blocks = () if dialect is Dialect.SQLITE else whole
    made: list[Statement] = []
    for start, end in ranges:
        at = start
        for first, last in (b for b in blocks if start <= b[0] < end):
            made += split(text, dialect, path, start=at, end=first)
            made += _block(text, dialect, path, (first, last))
            at = last
        made += split(text, dialect, path, start=at, end=end)
    return tuple(made)


def _block(text: str, dialect: Dialect, path: str, block: tuple[int, int]) -> tuple[Statement, ...]:
    pieces = split(text, dialect, path, start=block[0], end=block[1])
    if not pieces:
        return ()
    first, last = pieces[0].span, pieces[-1].span
    start = text.index(pieces[0].sql, block[0])
    body = text[start : block[1]].rstrip()
    span = Span(path, first.line, first.column, last.end_line, last.end_column)
    return (replace(pieces[0], sql=body, span=span),)


def number(revision: str) -> Key | None:
    """The numbers that a revision is compared by, None where it is not made of numbers."""
    if not re.fullmatch(r"[vV]?\d+(?:[._-]\d+)*", revision):
        return None
    if re.fullmatch(r"\d+(?:-\d+)+", revision):
        return (int(revision.replace("-", "")),)  # Diesel's own table drops the dashes
    return FLYWAY.key(revision)
