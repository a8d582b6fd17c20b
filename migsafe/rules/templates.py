"""Templates of rules: from a kind of failure, and the names it is about, to a rule with fixtures.

A template is a folder of `template_files`: `rule.toml`, and the files of a `fail` and a `pass`
fixture; `fail.servers`, `fail.postgres` and the like hold what differs by dialect. In these files
`@name@` is a field, `@name|word@` a field with what stands in for it, and a line `@name?text@` is
there only where the field is (`@!name?text@`: only where it is not).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from migsafe.errors import UsageError
from migsafe.model.migration import Dialect
from migsafe.model.rule import Severity
from migsafe.rules import load
from migsafe.sql.tokens import KEYWORDS, quoted

TEMPLATES: Mapping[str, str] = {
    "unique": "columns must be unique over old rows that may repeat",
    "not-null": "a column must have a value over old rows that may have none",
    "orphan": "a foreign key over old rows that may have no parent",
    "cast": "text becomes a number over old rows that may hold other text",
    "lost-rows": "old rows are missing after the migration",
    "drift": "a migrated database differs from a fresh install",
    "launch-query": "a query of the new version fails on a migrated database",
    "lock": "a statement makes a running service wait (PostgreSQL, MySQL)",
    "pattern": "a statement of a given shape, with metavariables",
}
"""Every template and what it is for."""

CASE = "example"
"""The name of the fixtures that a template makes."""

_ON_SERVERS = (Dialect.POSTGRES, Dialect.MYSQL)
_BY_KIND = {
    "rows-lost": "lost-rows",
    "links-lost": "lost-rows",
    "foreign-keys": "orphan",
    "drifted": "drift",
    "launch-query": "launch-query",
    "lock-queue": "lock",
    "deadlock": "lock",
    "locked": "lock",
    "waits-for-itself": "lock",
    "blocks-while-scanning": "lock",
    "misfit": "cast",
    "type-changed-values": "cast",
    "became-null": "not-null",
}
# Pieces of the engines' messages, in lower case, and of the names of their error classes.
_BY_ERROR = (
    ("not-null", ("not null constraint", "not-null constraint", "cannot add a not null column",
                  "contains null values", "cannot be null", "invalid use of null", "notnull",
                  "not null")),
    ("orphan", ("foreign key", "foreign-key", "foreignkey")),
    ("unique", ("unique constraint", "could not create unique index", "duplicate entry",
                "duplicate key", "is not unique", "unique")),
    ("cast", ("invalid input", "cannot be cast", "incorrect integer", "incorrect decimal",
              "incorrect double", "incorrect date", "truncated incorrect", "cannot store",
              "datatype mismatch", "invalidtext", "cast")),
    ("lock", ("deadlock", "lock timeout", "lock wait", "database is locked", "lock")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fields:
    """What a template is filled with. All may be left out: the rule is then about any table.

    `table`, `column` and `parent` (the table that a foreign key points to) narrow the rule to
    these names; `pattern` and `unless` are for the template `pattern` only.
    """

    dialects: tuple[Dialect, ...] = (Dialect.SQLITE,)
    title: str = ""
    severity: Severity | None = None
    table: str = ""
    column: str = ""
    parent: str = ""
    pattern: str = ""
    unless: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule that is not written yet.

    `toml` is the text of its `rule.toml`; it ends at the top level, so that a table such as
    `[incident]` may follow. `fixtures` are (path, text), the path as `fail/example/old.sql`.
    """

    id: str
    template: str
    toml: str
    fixtures: tuple[tuple[str, str], ...]


def template_for(kind: str, error: str = "") -> str:
    """The template for a failure: its kind (facts table `failure`), its error's class or message.

    "" where none fits.
    """
    if kind in _BY_KIND:
        return _BY_KIND[kind]
    text = error.lower()
    for template, pieces in _BY_ERROR:
        if any(piece in text for piece in pieces):
            return template
    return ""


def instantiate(template: str, hazard: str, fields: Fields | None = None) -> RuleText:
    """The rule and its fixtures, ready to be written.

    Raises UsageError for a template that does not exist or does not fit the dialect, for an id
    that no rule may have, and for names that cannot stand in SQL; RuleInvalid for a pattern that
    cannot be read.
    """
    fields = fields or Fields()
    _require(template, hazard, fields)
    values = _values(hazard, fields)
    folder = files("migsafe.rules") / "template_files" / template
    toml = _filled((folder / load.FILE).read_text(encoding="utf-8"), values)
    found: dict[str, str] = {}
    for number, dialect in enumerate(fields.dialects):
        case = CASE if number == 0 else f"{CASE}-{dialect}"
        for kind in ("fail", "pass"):
            for name, text in _fixture(folder, kind, dialect, values, fields):
                found[f"{kind}/{case}/{name}"] = text
    return RuleText(hazard, template, toml, tuple(sorted(found.items())))


def write(rule: RuleText, folder: Path) -> tuple[Path, ...]:
    """Write the rule into a folder of rules, its fixtures beside that folder; the files written.

    Raises UsageError where a rule or fixtures of that name are there already: nothing is
    overwritten.
    """
    home = folder / rule.id
    proof = folder.parent / "fixtures" / "rules" / rule.id
    for there in (home, proof):
        if there.exists():
            raise UsageError(f"{there} exists already", hint="choose another name for the hazard")
    texts = {home / load.FILE: rule.toml}
    texts.update({proof / name: text for name, text in rule.fixtures})
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tuple(texts)


# -- what may be asked for ------------------------------------------------------------------------

_FORBIDDEN = re.compile(r"[^\w .\-]|^\s|\s$")


def _require(template: str, hazard: str, fields: Fields) -> None:
    if template not in TEMPLATES:
        raise UsageError(f"there is no template {template}", hint=f"one of: {', '.join(TEMPLATES)}")
    if not load.is_id(hazard):
        raise UsageError(
            f"{hazard} cannot name a hazard",
            hint="lower-case words with dashes that say what goes wrong: total-lost-in-rounding",
        )
    if template == "lock" and Dialect.SQLITE in fields.dialects:
        raise UsageError("the template lock is for postgres and mysql", hint="--dialect postgres")
    if (template == "pattern") != bool(fields.pattern):
        what = "needs a pattern" if template == "pattern" else "takes no pattern"
        raise UsageError(f"the template {template} {what}", hint="--template pattern --pattern SQL")
    for name in (fields.table, fields.column, fields.parent):
        if _FORBIDDEN.search(name):
            raise UsageError(f"{name!r} cannot be the name of a table or column here")


def _values(hazard: str, fields: Fields) -> dict[str, str]:
    values = {
        "hazard": hazard,
        "title": json.dumps(fields.title, ensure_ascii=False)[1:-1],
        "severity": "" if fields.severity is None else str(fields.severity),
        "dialects": json.dumps([str(d) for d in fields.dialects]),
        "table": fields.table,
        "column": fields.column,
        "parent": fields.parent,
    }
    if fields.pattern:
        from migsafe.rules import pattern_text  # noqa: PLC0415 - it reads SQL, which few need

        values |= {
            "pattern": json.dumps(fields.pattern, ensure_ascii=False),
            "unless": json.dumps(list(fields.unless), ensure_ascii=False) if fields.unless else "",
            "message": pattern_text.message(fields.pattern),
        }
    return values


# -- filling in -----------------------------------------------------------------------------------

_LINE = re.compile(r"^(?P<indent> *)@(?P<not>!?)(?P<name>\w+)\?(?P<text>.*)@$")
_FIELD = re.compile(r"@(?P<name>\w+)(?:\|(?P<word>[^@]*))?@")
_NAME = re.compile(r"(?:@\w+(?:\|\w*)?@|\w)*@\w+(?:\|\w*)?@(?:@\w+(?:\|\w*)?@|\w)*")
_PLAIN = re.compile(r"[^\W\d]\w*")


def _filled(text: str, values: Mapping[str, str]) -> str:
    lines = (_line(line, values) for line in text.splitlines())
    return "".join(_fields(line, values) + "\n" for line in lines if line is not None)


def _line(line: str, values: Mapping[str, str]) -> str | None:
    found = _LINE.match(line)
    if found is None:
        return line
    there = bool(values.get(found["name"]))
    if there == bool(found["not"]):
        return None
    return _line(found["indent"] + found["text"], values)


def _fields(text: str, values: Mapping[str, str]) -> str:
    return _FIELD.sub(lambda m: values.get(m["name"]) or m["word"] or "", text)


def _sql(text: str, values: Mapping[str, str], dialect: Dialect) -> str:
    """A fixture's SQL: names are quoted where they must be."""

    def name(match: re.Match[str]) -> str:
        found = _fields(match.group(), values)
        if match.group() == "@hazard@" or (
            _PLAIN.fullmatch(found) and found.upper() not in KEYWORDS | _RESERVED_ON_SERVERS
        ):
            return found
        return ".".join(quoted(part, dialect) for part in found.split("."))

    return _NAME.sub(name, text)


_RESERVED_ON_SERVERS = frozenset(
    {"ANALYSE", "ARRAY", "BOTH", "DESCRIBE", "GRANT", "KEYS", "LEADING", "LINES", "OPTION", "RANK",
     "READ", "SCHEMA", "SOME", "SYSTEM", "TRAILING", "USAGE", "USER", "WRITE"}
)  # fmt: skip


def _fixture(
    folder: Traversable,
    kind: str,
    dialect: Dialect,
    values: Mapping[str, str],
    fields: Fields,
) -> Iterator[tuple[str, str]]:
    if dialect is not Dialect.SQLITE:
        yield "migsafe.toml", f'dialect = "{dialect}"\n'
    if fields.pattern:
        from migsafe.rules import pattern_text  # noqa: PLC0415

        yield from pattern_text.fixture(
            values["hazard"], kind, fields.pattern, fields.unless, dialect
        )
        return
    group = "servers" if dialect in _ON_SERVERS else str(dialect)
    for name in (kind, f"{kind}.{group}", f"{kind}.{dialect}"):
        part = folder / name
        if part.is_dir():
            for file in sorted(part.iterdir(), key=lambda f: f.name):
                yield file.name, _sql(file.read_text(encoding="utf-8"), values, dialect)
