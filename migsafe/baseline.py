"""The adoption baseline: the findings that were there when a project took migsafe up.

One line for each, sorted, so that git may merge two baselines line by line. Only `create` adds to
it; from then on it shrinks.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from migsafe.errors import ConfigError
from migsafe.model.finding import Finding
from migsafe.model.rule import Severity

NAME = "migsafe.baseline"
_HEAD = """\
# Findings that were there before migsafe was, and do not fail. `migsafe baseline prune` takes out
# what is mended; nothing is ever added.
"""
_TEXTS = ("rule", "path", "identity", "key", "severity", "reason")
_CONTROL = re.compile("[\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Entry:
    """`count` findings that are alike: of one rule, in one file, about one object.

    `key` tells them from others and holds no line; `severity` is the worst that they may have;
    `added` is YYYY-MM-DD.
    """

    rule: str
    path: str
    identity: str
    key: str
    severity: Severity
    count: int
    added: str
    reason: str

    def __str__(self) -> str:
        """The entry as it stands in the file."""
        severity = str(self.severity)
        texts = {"rule": self.rule, "path": self.path, "identity": self.identity, "key": self.key}
        shown = [f"{k} = {_quoted(v)}" for k, v in {**texts, "severity": severity}.items()]
        shown += [f"count = {self.count}", f"added = {self.added}"]
        return f"{{ {', '.join(shown)}, reason = {_quoted(self.reason)} }}"


def _quoted(text: str) -> str:
    """A TOML text: as JSON's, in which TOML escapes some more characters."""
    import json  # noqa: PLC0415 - only writing needs it, and every run of lint reads

    shown = json.dumps(text, ensure_ascii=False)
    return _CONTROL.sub(lambda m: f"\\u{ord(m[0]):04x}", shown)


def key(finding: Finding) -> str:
    """The same for findings of one rule about one thing, wherever in its file that stands."""
    if finding.source:
        return finding.fingerprint.partition("-")[0]
    text = "\0".join((finding.rule, finding.path, *_object(finding)))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _object(finding: Finding) -> Iterator[str]:
    evidence = dict(finding.evidence)
    return (str(evidence.get(name) or "") for name in ("tbl", "col", "name"))


def entries(findings: Iterable[Finding], today: str, reason: str) -> tuple[Entry, ...]:
    """The baseline of these findings, those that are alike together."""
    counts: Counter[str] = Counter()
    made: dict[str, Entry] = {}
    for f in findings:
        name = key(f)
        counts[name] += 1
        identity = ".".join(part for part in _object(f) if part)
        new = Entry(f.rule, f.path, identity, name, f.severity, counts[name], today, reason)
        worst = max(f.severity, made[name].severity) if name in made else f.severity
        made[name] = replace(new, severity=worst)
    return tuple(sorted(made.values(), key=str))


def text(found: Iterable[Entry]) -> str:
    """The whole file."""
    lines = sorted({f"  {entry}," for entry in found})
    return f"{_HEAD}findings = [\n" + "".join(f"{line}\n" for line in lines) + "]\n"


def load(path: Path) -> tuple[Entry, ...] | None:
    """The entries of the file, None where there is none.

    Raises ConfigError for a file that cannot be read.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unreadable(path, str(error.strerror)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _unreadable(path, str(error)) from error
    listed = table.get("findings")
    if set(table) != {"findings"} or not isinstance(listed, list):
        raise _unreadable(path, "it holds one list, findings")
    found: dict[str, Entry] = {}
    for number, raw in enumerate(listed, 1):
        entry = _entry(raw, number, path)
        other = found.get(entry.key)
        # Two branches may both have taken something out: what is out stays out.
        found[entry.key] = entry if other is None or entry.count < other.count else other
    return tuple(found[name] for name in sorted(found))


def _entry(raw: Any, number: int, path: Path) -> Entry:
    what = f"finding {number}"
    if not isinstance(raw, dict) or set(raw) != {*_TEXTS, "count", "added"}:
        raise _unreadable(path, f"{what} needs {', '.join((*_TEXTS, 'count', 'added'))}")
    if not all(isinstance(raw[name], str) for name in _TEXTS):
        raise _unreadable(path, f"{what} has something that is not text")
    if type(raw["count"]) is not int or raw["count"] < 1 or not isinstance(raw["added"], date):
        raise _unreadable(path, f"{what} has a wrong count or date")
    try:
        severity = Severity.parse(raw["severity"])
    except KeyError:
        raise _unreadable(path, f"{what} has the severity {raw['severity']!r}") from None
    return Entry(**{**raw, "severity": severity, "added": str(raw["added"])})


def _unreadable(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"the baseline cannot be read: {why}",
        place=path.name,
        hint="after a merge keep the lines of both sides; `migsafe baseline` writes the file",
    )
