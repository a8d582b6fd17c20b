"""Allow comments: `migsafe: allow <id> until=2027-02-28 reason="..."`, read and judged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from migsafe.model.finding import Suppression
from migsafe.model.migration import Migration

_SHAPE = re.compile(r"migsafe:\s*(?P<verb>\S+)\s*(?P<rest>.*)", re.S)
_RULE = re.compile(r"(?P<rule>[a-z0-9]+(?:-[a-z0-9]+)*)(?=\s|$)")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_OPTION = re.compile(r"""\s+(?P<key>\w+)=(?:"(?P<quoted>[^"]*)"|(?P<plain>[^\s"]\S*))""")


@dataclass(frozen=True, slots=True)
class Judged:
    """A comment and what is wrong with it ("" for nothing). Expired ones carry their date."""

    suppression: Suppression
    fault: str = ""
    expired: bool = False

    @property
    def holds(self) -> bool:
        """Does it suppress anything?"""
        return not self.fault and not self.expired


def judged(migration: Migration, today: date, longest: int | None = None) -> Iterator[Judged]:
    """Every comment of a migration that speaks to migsafe.

    `longest` is how many days ahead it may end, None: any number, or never.
    """
    for line, text in migration.comments:
        shape = _SHAPE.match(text.strip())
        if shape is None:
            continue
        suppression, fault = _read(shape, migration, line)
        fault = fault or too_long(suppression.until, today, longest)
        expired = not fault and bool(suppression.until) and suppression.until < today.isoformat()
        yield Judged(suppression, fault, expired)


def _read(shape: re.Match[str], migration: Migration, line: int) -> tuple[Suppression, str]:
    lines = _scope(migration, line)
    empty = Suppression("", migration.path, line, lines, "")
    if shape["verb"] != "allow":
        return empty, f"unknown word {shape['verb']}, expected allow"
    rule = _RULE.match(shape["rest"])
    if rule is None:
        return empty, "it names no rule"
    options, fault = _options(shape["rest"][rule.end() :].rstrip())
    made = Suppression(
        rule["rule"],
        migration.path,
        line,
        lines,
        options.get("reason", ""),
        options.get("until", ""),
    )
    return made, fault or _fault(made, options)


def _options(text: str) -> tuple[dict[str, str], str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _OPTION.match(text, at)
        if match is None:
            return found, f"cannot read {text[at:].strip()!r}"
        if match["key"] in found:
            return found, f"{match['key']} stands twice"
        quoted = match["quoted"]
        found[match["key"]] = match["plain"] if quoted is None else quoted
        at = match.end()
    return found, ""


def _fault(made: Suppression, options: dict[str, str]) -> str:
    unknown = sorted(set(options) - {"reason", "until"})
    if unknown:
        return f"unknown option {unknown[0]}"
    if not made.reason.strip():
        return 'it gives no reason="..."'
    if "until" in options and not _is_date(made.until):
        return f"until={made.until} is not a date (YYYY-MM-DD)"
    return ""


def too_long(until: str, today: date, longest: int | None) -> str:
    """Why a suppression must not last so long, "" where it may."""
    if longest is None:
        return ""
    if not until:
        return f"it needs until=YYYY-MM-DD, at most {longest} days ahead"
    days = (date.fromisoformat(until) - today).days
    return f"until={until} is more than {longest} days ahead" if days > longest else ""


def longest(settings: Mapping[str, str]) -> int | None:
    """The project's max_suppression_days."""
    days = settings.get("max_suppression_days")
    return int(days) if days else None


def _is_date(text: str) -> bool:
    """Only the one way to write it: dates are compared as text."""
    try:
        return bool(_DATE.fullmatch(text) and date.fromisoformat(text))
    except ValueError:
        return False


def _scope(migration: Migration, line: int) -> tuple[int, int]:
    """The statement that the comment stands in or beside, else the next one."""
    for statement in migration.statements:
        span = statement.span
        last = max(span.line, span.end_line)
        if last >= line:
            return min(line, span.line), last
    return line, line
