"""From drafts to findings: join what is the same failure, suppress, fingerprint, sort."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from migsafe.model.finding import Finding, Stage, Suppression
from migsafe.model.outcome import LATE, Blast, Failure, Place
from migsafe.model.rule import Needs, Rule, Severity
from migsafe.rules.ask import Row, Value

_HIDDEN = {"statement", "failure", "path", "line", "col_no", "severity"}
"""Columns that say where, not what: they are not shown as evidence."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A violation before it is joined with others; `decided` means sampled rows prove it."""

    rule: Rule
    row: Row
    place: Place
    severity: Severity
    message: str
    stage: Stage
    failure: Failure | None = None
    blast: Blast | None = None
    decided: bool = False
    detail: tuple[str, ...] = ()


def finish(
    drafts: Iterable[Draft], facts: sqlite3.Connection, suppressions: tuple[Suppression, ...]
) -> tuple[Finding, ...]:
    """Findings, worst first; the same failure is said once, by the rule that explains it."""
    joined = _joined(list(drafts))
    findings = list(_numbered(_finding(d, facts) for d in joined))
    findings = [_suppressed(f, suppressions) for f in findings]
    return tuple(sorted(findings, key=_order))


def _order(finding: Finding) -> tuple[object, ...]:
    share = finding.blast.share if finding.blast else 0.0
    in_migration = bool(finding.revision)
    return (
        -finding.severity,
        not in_migration,  # the cause before what it leads to
        -share,
        finding.path,
        finding.line,
        finding.rule,
    )


# -- one failure, one finding ---------------------------------------------------------------------


def _joined(drafts: list[Draft]) -> list[Draft]:
    """Fold each observed failure into the rule that explains it, where one stands there."""
    result = [d for d in drafts if d.failure is None]
    seen = [d for d in drafts if d.failure is not None]
    # First those whose own table a rule names: others must not take their explanation away.
    for observed in sorted(seen, key=lambda d: not _is_named(result, d)):
        at = _explaining(result, observed)
        if at is None:
            result.append(observed)
        elif not (result[at].decided and _is_made(observed)):  # samples have shown it already
            result[at] = _merged(result[at], observed)
    return _without_repeats(_gathered(result))


def _is_named(drafts: list[Draft], observed: Draft) -> bool:
    assert observed.failure is not None
    table = observed.failure.observation.table
    return any(
        _names(d, table) and _same_statement(d, observed) and _explains(d, observed) for d in drafts
    )


def _is_made(observed: Draft) -> bool:
    return observed.failure is not None and bool(observed.failure.observation.made)


def _gathered(drafts: list[Draft]) -> list[Draft]:
    """What a rule says of one statement is one finding, once a failure there is proven."""
    proven = {(d.rule.id, d.place): at for at, d in enumerate(drafts) if d.failure is not None}
    result: list[Draft | None] = list(drafts)
    for at, draft in enumerate(drafts):
        first = proven.get((draft.rule.id, draft.place))
        if first is None or draft.failure is not None or not draft.decided:
            continue
        main = result[first]
        assert main is not None
        result[first] = replace(main, detail=(*main.detail, draft.message))
        result[at] = None
    return [d for d in result if d is not None]


def _explaining(drafts: list[Draft], observed: Draft) -> int | None:
    fits = [
        (_closeness(draft, observed), -at)
        for at, draft in enumerate(drafts)
        if draft.failure is None and _explains(draft, observed)
    ]
    return -max(fits)[1] if fits else None


def _explains(draft: Draft, observed: Draft) -> bool:
    assert observed.failure is not None
    seen = observed.failure.observation
    here = _same_statement(draft, observed)
    if here and seen.kind == "raised" and "rehearsal" in draft.row:
        return True
    if not any(e == seen.kind or (seen.error and e in seen.error) for e in draft.rule.explains):
        return False
    if here or (seen.error.endswith(LATE) and draft.place.path == observed.place.path):
        return True
    return seen.kind != "raised" and not seen.deliberate and _names(draft, seen.table)


def _same_statement(draft: Draft, observed: Draft) -> bool:
    statement = draft.row.get("statement")
    return statement is not None and statement == observed.row.get("statement")


def _names(draft: Draft, table: str) -> bool:
    return bool(table) and table.lower() in {
        str(draft.row.get(k)).lower() for k in ("tbl", "final_tbl") if draft.row.get(k)
    }


def _closeness(draft: Draft, observed: Draft) -> tuple[bool, ...]:
    assert observed.failure is not None
    column = str(draft.row.get("col") or "")
    seen = observed.failure.observation
    about = bool(column) and (
        seen.error.lower().endswith("." + column.lower()) or seen.column.lower() == column.lower()
    )
    here, named = _same_statement(draft, observed), _names(draft, seen.table)
    return "rehearsal" not in draft.row, draft.decided, here, named, about


def _merged(draft: Draft, observed: Draft) -> Draft:
    open_question = draft.rule.needs is Needs.DATA and not draft.decided
    said = draft.rule.title if open_question else draft.message
    return replace(
        draft,
        severity=_joint_severity(draft, observed),
        message=observed.message,
        detail=tuple(d for d in (said, *observed.detail) if d != observed.message),
        stage=Stage.REPLAY,
        failure=observed.failure,
        blast=observed.blast,
        decided=True,
    )


def _joint_severity(draft: Draft, observed: Draft) -> Severity:
    """A failure is no worse for having a better name where it is passed over, meant or made."""
    assert observed.failure is not None
    seen = observed.failure.observation
    if seen.kind == "ignored-error" or seen.deliberate:
        return observed.severity
    if seen.made:
        return max(draft.severity, observed.severity)
    return max(draft.rule.severity, observed.severity)


def _without_repeats(drafts: list[Draft]) -> list[Draft]:
    """A rehearsal's bare error is noise where a rule explains it, or a replay has proven it."""
    kept: dict[tuple[object, ...], Draft] = {}
    for draft in drafts:
        if "rehearsal" in draft.row and draft.failure is None and _said_by(drafts, draft):
            continue
        kept.setdefault((draft.rule.id, draft.place, draft.message), draft)
    return list(kept.values())


def _said_by(drafts: list[Draft], rehearsal: Draft) -> bool:
    error = str(rehearsal.row.get("error"))
    return any(
        d is not rehearsal
        and _same_statement(d, rehearsal)
        and (d.failure is not None or any(e in error for e in d.rule.explains))
        for d in drafts
    )


# -- findings -------------------------------------------------------------------------------------


def _finding(draft: Draft, facts: sqlite3.Connection) -> Finding:
    rule = draft.rule
    revision, sql, source = _statement(facts, draft)
    return Finding(
        rule=rule.id,
        severity=draft.severity,
        confidence=rule.confidence,
        message=draft.message,
        path=draft.place.path,
        line=max(draft.place.line, 1),
        column=max(draft.place.column, 1),
        stage=draft.stage,
        fingerprint=_fingerprint(draft, sql),
        title=rule.title,
        remedy=rule.remedy,
        revision=revision,
        source=source,
        detail=draft.detail,
        evidence=tuple(_evidence(draft.row)),
        blast=draft.blast,
        launch=draft.blast is not None and draft.failure is not None and draft.failure.launch,
    )


def _statement(facts: sqlite3.Connection, draft: Draft) -> tuple[str, str, str]:
    """The statement's revision, its text, and the line of it that the finding points at."""
    query = (
        "SELECT m.revision, s.sql, s.line FROM statement s JOIN migration m ON m.id = s.migration"
        " WHERE s.id = ?"
    )
    row = facts.execute(query, (draft.row.get("statement"),)).fetchone()
    if not row:
        return "", "", ""
    lines = str(row[1]).split("\n")
    at = draft.place.line - int(row[2])
    return str(row[0]), str(row[1]), lines[at if 0 <= at < len(lines) else 0].strip()


def _evidence(row: Row) -> Iterator[tuple[str, Value]]:
    for name, value in row.items():
        if name not in _HIDDEN and value not in {None, ""}:
            yield name, value


def _fingerprint(draft: Draft, sql: str) -> str:
    """Stays the same when lines move: rule, file, the statement's words, the object."""
    words = " ".join(sql.split()).lower()
    object_ = [str(draft.row.get(k) or "").lower() for k in ("tbl", "col", "name")]
    place = "" if sql else str(draft.place.line)
    text = "\0".join([draft.rule.id, draft.place.path, words, place, *object_])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _numbered(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Equal fingerprints get a running number, so that none is lost where they are keys."""
    seen: Counter[str] = Counter()
    for finding in findings:
        number = seen[finding.fingerprint]
        seen[finding.fingerprint] += 1
        mark = f"-{number}" if number else ""
        yield replace(finding, fingerprint=finding.fingerprint + mark)


def _suppressed(finding: Finding, suppressions: tuple[Suppression, ...]) -> Finding:
    for s in suppressions:
        same = (s.rule, s.path) == (finding.rule, finding.path)
        if same and s.lines[0] <= finding.line <= s.lines[1]:
            return replace(finding, suppressed=s)
    return finding
