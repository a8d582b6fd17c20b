"""rule.toml -> Rule; unknown or missing keys are errors with a place."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from migsafe.errors import RuleInvalid
from migsafe.model.migration import Dialect
from migsafe.model.rule import Confidence, Incident, Needs, Rule, Severity, When, Why

FILE = "rule.toml"
PACKAGED = "_rules"
"""The folder of the rules within an installed package."""
_REQUIRED = ("id", "title", "severity", "category", "message", "remedy", "needs")
_OPTIONAL = (
    "confidence",
    "dialects",
    "find",
    "for_each",
    "when",
    "undecided",
    "undecided_message",
    "explains",
    "remedies",
    "incident",
)
_INCIDENT = ("summary", "date", "versions", "affected", "links", "why")
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def shipped() -> Path:
    """The folder of the rules that come with migsafe, installed or in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / PACKAGED
    return installed if installed.is_dir() else package.parent / "rules"


def load(folders: Iterable[Path]) -> tuple[Rule, ...]:
    """All rules of these folders, by id.

    Raises RuleInvalid for a folder that is missing, a file that cannot be read, or an id that
    stands twice.
    """
    rules: dict[str, Rule] = {}
    for folder in folders:
        if not folder.is_dir():
            raise RuleInvalid(
                f"the rules folder {folder.name} does not exist", hint="see [rules] paths"
            )
        for path in sorted(folder.glob(f"*/{FILE}")):
            rule = read(path)
            if rule.id in rules:
                raise RuleInvalid(
                    f"rule {rule.id} exists twice", place=_shown(path), hint="rename one of them"
                )
            rules[rule.id] = rule
    return tuple(rules[name] for name in sorted(rules))


def _shown(path: Path) -> str:
    return "/".join(path.parts[-3:])


def read(path: Path) -> Rule:
    """One rule. Raises RuleInvalid, naming the file and the key."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RuleInvalid(f"the rule cannot be read: {error}", place=_shown(path)) from error
    try:
        return _rule(table, path)
    except (ValueError, TypeError) as error:
        raise RuleInvalid(str(error), place=_shown(path)) from error


def _rule(table: dict[str, Any], path: Path) -> Rule:
    _check_keys(table, path)
    needs = _choice(Needs, table, "needs")
    undecided = table.get("undecided")
    rule = Rule(
        id=table["id"],
        title=table["title"],
        severity=_choice(Severity, table, "severity"),
        category=table["category"],
        message=table["message"],
        remedy=table["remedy"].strip("\n"),
        needs=needs,
        confidence=Confidence(table.get("confidence", "high")),
        dialects=tuple(Dialect(d) for d in table.get("dialects", list(Dialect))),
        find=table["find"],
        for_each=table.get("for_each", ""),
        when=When(table.get("when", "statement")),
        undecided=None if undecided is None else _choice(Severity, table, "undecided"),
        undecided_message=table.get("undecided_message", ""),
        explains=tuple(table.get("explains", ())),
        remedies=tuple(sorted(table.get("remedies", {}).items())),
        incident=_incident(table["incident"]) if "incident" in table else None,
        path=str(path),
    )
    if rule.needs is Needs.DATA and not rule.for_each:
        raise ValueError("a rule that needs data must say for_each which statement it is about")
    return rule


def _choice(kind: Any, table: dict[str, Any], key: str) -> Any:
    try:
        return kind.parse(table[key])
    except (KeyError, AttributeError):
        names = ", ".join(str(k) for k in kind)
        raise ValueError(f"{key} is {table[key]!r}, expected one of {names}") from None


def _check_keys(table: dict[str, Any], path: Path) -> None:
    known = (*_REQUIRED, *_OPTIONAL)
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            raise ValueError(f"unknown key {key}" + (f": did you mean {near[0]}?" if near else ""))
    missing = [key for key in (*_REQUIRED, "find") if key not in table]
    if missing:
        raise ValueError(f"the key {missing[0]} is missing")
    for key in (*_REQUIRED, "find"):
        if not isinstance(table[key], str):
            raise ValueError(f"{key} must be text")
    if table["id"] != path.parent.name:
        raise ValueError(f"the id {table['id']} differs from its folder {path.parent.name}")
    if not _ID.fullmatch(table["id"]):
        raise ValueError(f"the id {table['id']} is not in lower-case words-with-dashes")


def _incident(table: dict[str, Any]) -> Incident:
    unknown = sorted(set(table) - set(_INCIDENT))
    if unknown:
        raise ValueError(f"unknown key incident.{unknown[0]}")
    if "summary" not in table:
        raise ValueError("the key incident.summary is missing")
    return Incident(
        table["summary"],
        str(table.get("date", "")),
        table.get("versions", ""),
        table.get("affected", ""),
        tuple(table.get("links", ())),
        tuple(_whys(table.get("why", ()))),
    )


def _whys(entries: Iterable[dict[str, str]]) -> Iterator[Why]:
    for entry in entries:
        yield Why(entry["question"], entry["answer"])
