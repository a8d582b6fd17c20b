"""The short form of an incident in `rule.toml`, made from the record: nothing is typed twice."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from migsafe.incident import toml_text
from migsafe.incident.messages import who
from migsafe.model.incident import Incident
from migsafe.model.rule import Origin, Why

_HEADER = re.compile(r"\[\[?\s*(?P<name>[\w.-]+)")
_KEY = "incident"


def origin(record: Incident) -> Origin:
    """What a rule tells about the incident that taught it."""
    return Origin(
        record.summary or record.title,
        str(record.date or ""),
        record.impact.versions or record.impact.revisions,
        who(record.impact),
        record.links,
        tuple(Why(w.question, w.answer) for w in record.why),
    )


def table(record: Incident) -> dict[str, Any]:
    """The same as the table `incident` of a rule.toml."""
    short = origin(record)
    entries = {
        "summary": short.summary,
        "date": record.date,
        "versions": short.versions,
        "affected": short.affected,
        "links": list(short.links),
        "why": [{"question": w.question, "answer": w.answer} for w in short.why],
    }
    return {key: value for key, value in entries.items() if value or key == "summary"}


def to_toml(record: Incident) -> str:
    """The section `[incident]`, to stand at the end of a rule.toml."""
    return toml_text.write({_KEY: table(record)}).lstrip("\n")


def differs(rule_toml: str, record: Incident) -> bool:
    """Does the rule's section `[incident]` say something else than the record?"""
    try:
        there = tomllib.loads(rule_toml).get(_KEY)
    except tomllib.TOMLDecodeError:
        return False
    return there is not None and there != table(record)


def refreshed(rule_toml: str, record: Incident) -> str:
    """The rule with its section `[incident]` as the record says it; without one, as it was.

    The rest of the text stays; where that cannot be made sure, so does everything.
    """
    if not differs(rule_toml, record):
        return rule_toml
    kept = _without(rule_toml).rstrip("\n")
    text = f"{kept}\n\n{to_toml(record)}"
    return text if _same_rule(rule_toml, text) else rule_toml


def _without(rule_toml: str) -> str:
    lines, inside = [], False
    for line in rule_toml.split("\n"):
        header = _HEADER.match(line)
        if header:
            inside = header["name"].split(".")[0] == _KEY
        if not inside:
            lines.append(line)
    return "\n".join(lines)


def _same_rule(before: str, after: str) -> bool:
    try:
        return _rest(tomllib.loads(before)) == _rest(tomllib.loads(after))
    except tomllib.TOMLDecodeError:
        return False


def _rest(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in rule.items() if key != _KEY}
