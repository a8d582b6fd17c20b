"""How each tool is told to run a file without a transaction, and how its next file is called."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from migsafe.adapters.layouts import LAYOUTS, Layout
from migsafe.fix import python_calls
from migsafe.fix.target import Edit, Refused, Target
from migsafe.model.migration import History

_GOOSE_UP = re.compile(r"^[ \t]*--[ \t]*\+goose[ \t]+up\b", re.M | re.I)
_DBMATE_UP = re.compile(r"^[ \t]*--[ \t]*migrate:up\b(?P<rest>[^\r\n]*)", re.M)
_SEVERAL = {"goose", "flyway", "numbered"}
"""Tools that send each statement by itself. The others send the file as one string, which
PostgreSQL runs as one transaction (manual, 55.2.2.1 Multiple Statements in a Simple Query)."""

_IN_FOLDERS = {"up.sql", "migration.sql"}  # Diesel, Prisma: one string each as well

Made = tuple[tuple[Edit, ...], tuple[tuple[str, str], ...]]


def several_statements(target: Target) -> bool:
    """Can a file without a transaction hold more than one statement that must be in none?"""
    name = PurePosixPath(target.migration.path).name
    return target.history.framework in _SEVERAL and name not in _IN_FOLDERS


def marks_downgrade(history: History) -> bool:
    """Does the mark hold for the file's downgrade as well?"""
    return history.framework == "goose"


def no_transaction(target: Target) -> Made:
    """The tool's own mark on the target's file. Raises Refused where the tool has none."""
    if re.search(r"^\s*(BEGIN|START\s+TRANSACTION)\b", target.text, re.M | re.I):
        raise Refused("the file opens a transaction itself")
    framework = target.history.framework
    if framework in {"goose", "flyway", "dbmate"}:
        if framework == "dbmate":
            _require_alone(target)
        return {"goose": _goose, "flyway": _flyway, "dbmate": _dbmate}[framework](target)
    name = PurePosixPath(target.migration.path).name
    _require_alone(target)
    if framework == "sqlx":
        return (Edit(target.migration.path, 0, 0, "-- no-transaction\n"),), ()
    if framework == "numbered" and name == "up.sql":
        return _settings(target, "metadata.toml", "run_in_transaction")
    raise Refused("these migrations have no mark for a file without a transaction")


def _require_alone(target: Target) -> None:
    if len(target.steps) != 1:
        raise Refused("the tool sends the file as one piece: give the index a file of its own")


def _goose(target: Target) -> Made:
    up = _GOOSE_UP.search(target.text)
    if up is None:
        raise Refused("the line -- +goose Up is missing")
    return (Edit(target.migration.path, up.start(), up.start(), "-- +goose NO TRANSACTION\n"),), ()


def _dbmate(target: Target) -> Made:
    up = _DBMATE_UP.search(target.text)
    if up is None or "transaction:" in up["rest"]:
        raise Refused("the line -- migrate:up says otherwise")
    at = up.start("rest")
    return (Edit(target.migration.path, at, at, " transaction:false"),), ()


def _flyway(target: Target) -> Made:
    name = PurePosixPath(target.migration.path).name
    return _settings(target, f"{name}.conf", "executeInTransaction")


def _settings(target: Target, name: str, key: str) -> Made:
    """A line in the file of settings beside the migration."""
    path = str(PurePosixPath(target.migration.path).with_name(name))
    text = target.read(path)
    line = f"{key} = false\n" if path.endswith(".toml") else f"{key}=false\n"
    if text is None:
        return (), ((path, line),)
    if key.lower() in text.lower():
        raise Refused(f"{name} says otherwise")
    gap = "" if not text or text.endswith("\n") else "\n"
    return (Edit(path, len(text), len(text), gap + line),), ()


# -- the file behind the newest -------------------------------------------------------------------


def next_file(target: Target, title: str, statements: tuple[str, ...]) -> tuple[str, str]:
    """A migration that follows the target, as (path, text), with these statements.

    Raises Refused where something follows the target already, or the tool's names cannot be made.
    """
    if not target.newest:
        raise Refused("it takes a second migration, and this is not the newest one")
    framework = target.history.framework
    if framework == "alembic":
        return python_calls.next_revision(target, title, statements)
    layout = LAYOUTS.get(framework)
    if layout is None:
        raise Refused("it takes a second migration, which is not written for this framework")
    path = _next_path(target, layout, title)
    if target.read(path) is not None:
        raise Refused(f"{path} is there already")
    body = "".join(f"{s};\n" for s in statements)
    return path, _FRAMES.get(framework, "{}").format(body)


def next_is_wrapped(history: History) -> bool:
    """Does a transaction go round the statements of `next_file`?"""
    if history.framework == "numbered":
        return history.transactional
    return history.framework != "alembic"


_FRAMES = {
    "goose": "-- +goose Up\n{}\n-- +goose Down\n",
    "dbmate": "-- migrate:up\n{}\n-- migrate:down\n",
}


def _next_path(target: Target, layout: Layout, title: str) -> str:
    path = PurePosixPath(target.migration.path)
    match = layout.file.fullmatch(path.name)
    if match is None:
        raise Refused("it takes a second migration, and this one's name cannot be counted on")
    name = path.name
    last = re.search(r"\d+$", match["version"])
    assert last is not None
    number = str(int(last[0]) + 1).zfill(len(last[0]))
    version = match["version"][: last.start()] + number
    gap, rest = "__" if layout.name == "flyway" else "_", name[match.end("version") :]
    if match["title"]:
        gap = name[match.end("version") : match.start("title")]
        rest = name[match.end("title") :]
    return str(path.with_name(f"{name[: match.start('version')]}{version}{gap}{title}{rest}"))
