"""A schema that Android's Room has exported: `schemas/<database>/<version>.json`.

Room writes it where `exportSchema` is on; formatVersion 1 has the statements that make a fresh
install, with placeholders for names (androidx.room.migration.bundle).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from migsafe.errors import ConfigError
from migsafe.model.migration import Dialect, Statement
from migsafe.sql.split import split

SUFFIX = ".json"
_FOLDERS = ("schemas/**", "*/schemas/**")
_VERSION = re.compile(r"\d+\.json")


def statements(text: str, path: str) -> tuple[Statement, ...]:
    """What makes a fresh install of that version, in Room's order; `path` names the file.

    Raises ConfigError where the text is no such export.
    """
    try:
        made = list(_created(json.loads(text)))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else "its JSON is broken"
        if isinstance(error, TypeError | AttributeError):
            what = "a part of it is of another kind"
        raise ConfigError(
            f"{path} is no schema that Room exported: {what}",
            hint="[launch] schema takes SQL, or Room's schemas/<database>/<version>.json",
        ) from error
    return tuple(s for sql in made for s in _placed(sql, text, path))


def _created(bundle: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Each statement as the file has it, and with its names in place.

    Full-text tables come after the tables that they index, then views, then Room's own table.
    """
    database = bundle["database"]
    entities = database["entities"]
    for entity in sorted(entities, key=lambda e: "ftsVersion" in e):
        name = entity["tableName"]
        indexes = (index["createSql"] for index in entity.get("indices") or ())
        triggers = entity.get("contentSyncTriggers") or ()
        for sql in (entity["createSql"], *indexes, *triggers):
            yield sql, sql.replace("${TABLE_NAME}", name)
    for view in database.get("views") or ():
        yield view["createSql"], view["createSql"].replace("${VIEW_NAME}", view["viewName"])
    for sql in database.get("setupQueries") or ():
        yield sql, str(sql)


def _placed(sql: tuple[str, str], text: str, path: str) -> tuple[Statement, ...]:
    """The statement where the file has it."""
    written, made = sql
    spellings = (json.dumps(written, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
    at = max(text.find(spelling) for spelling in spellings)
    lines = "\n" * text.count("\n", 0, max(at, 0))
    return split(lines + made, Dialect.SQLITE, path)


# -- where they lie -----------------------------------------------------------------------------


def newest(root: Path) -> tuple[Path, ...]:
    """The schema of the highest version in each folder of exported schemas below `root`."""
    found: dict[Path, Path] = {}
    files = (p for folder in _FOLDERS for p in root.glob(f"{folder}/*{SUFFIX}"))
    for path in sorted(p for p in files if _VERSION.fullmatch(p.name) and _is_export(p)):
        known = found.get(path.parent)
        if known is None or int(path.stem) > int(known.stem):
            found[path.parent] = path
    return tuple(found.values())


def _is_export(path: Path) -> bool:
    try:
        return bool(statements(path.read_text(encoding="utf-8-sig"), path.name))
    except (OSError, ValueError, ConfigError):
        return False
