"""Which rule would have stopped it: one that exists, one from a template, or what a replay sees."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

from migsafe.cli.incident.statement import shape
from migsafe.cli.rule_fixtures import Spot, judge, spot_of
from migsafe.errors import MigsafeError
from migsafe.incident import toml_text
from migsafe.model.finding import Finding, Stage
from migsafe.model.migration import Dialect
from migsafe.model.report import Report
from migsafe.model.rule import Needs, Rule, Severity
from migsafe.rules import templates
from migsafe.rules.load import Source, load, ours, shipped


class Origin(StrEnum):
    """Where a proposed rule comes from."""

    EXISTING = "existing"  # a rule that reads the text, the schema or the data
    TEMPLATE = "template"
    STATEMENT = "statement"  # drafted from the shape of the guilty statement
    OBSERVED = "observed"  # a rule that speaks of what every replay looks at


@dataclass(frozen=True, slots=True)
class Proposal:
    """A rule that fires on the broken migration and is silent on the fixed one.

    `toml` is its `rule.toml` without the section `[incident]`; "" where the team has that rule
    already. `spots` are the lines of the `fail` fixture on which it fires.
    """

    hazard: str
    origin: Origin
    toml: str
    title: str
    says: str
    spots: tuple[Spot, ...]

    @property
    def words(self) -> str:
        """One line that says what it is."""
        how = {
            Origin.EXISTING: "a rule that exists",
            Origin.TEMPLATE: "a new rule from a template",
            Origin.STATEMENT: "a draft about statements of this shape",
            Origin.OBSERVED: "what every replay looks at",
        }
        return f"{self.hazard}: {self.title} ({how[self.origin]})"


@dataclass(frozen=True, slots=True)
class Scene:
    """The incident as fixtures: `failing`, and `passing` where the fix is known.

    `guilty` is the line that broke, if it is known; `kind`, `error`, `table` and `column` say how.
    """

    failing: Path
    passing: Path | None
    guilty: Spot | None
    dialect: Dialect
    kind: str = ""
    error: str = ""
    table: str = ""
    column: str = ""
    hazard: str = ""  # what the user wants to call it


def proposals(scene: Scene, ruleset: tuple[Rule, ...]) -> Iterator[Proposal]:
    """What could guard against this, best first; each fires on the one and not on the other."""
    report = judge(ruleset, scene.failing, on_server=True)
    silent = judge(ruleset, scene.passing, on_server=True) if scene.passing else None
    known = {r.id: r for r in ruleset}
    found = list(_existing(scene, report, silent, known))
    yield from (p for p in found if p.origin is Origin.EXISTING)
    yield from _tried(scene)
    yield from (p for p in found if p.origin is Origin.OBSERVED)


# -- rules that exist ------------------------------------------------------------------------------


def _existing(
    scene: Scene, report: Report, silent: Report | None, known: dict[str, Rule]
) -> Iterator[Proposal]:
    noisy = _noisy(silent) if silent else {}
    told: dict[str, list[Finding]] = {}
    for finding in report.findings:
        if finding.rule in known and not finding.suppressed:
            told.setdefault(finding.rule, []).append(finding)
    ranked = sorted(told.values(), key=lambda fs: _rank(scene, fs, known[fs[0].rule]))
    for findings in ranked:
        rule = known[findings[0].rule]
        loud = max(f.severity for f in findings) > Severity.NOTE
        if rule.id not in noisy and (loud or not _elsewhere(scene, findings)):
            yield _override(rule, findings)
        elif noisy.get(rule.id) == {Stage.ANALYSE} and _decided(rule, findings):
            yield _override(rule, findings, undecided="off")


def _noisy(silent: Report) -> dict[str, set[Stage]]:
    """The rules that speak on the repaired migration, and from what."""
    found: dict[str, set[Stage]] = {}
    for finding in silent.findings:
        if not finding.suppressed:
            found.setdefault(finding.rule, set()).add(finding.stage)
    return found


def _decided(rule: Rule, findings: list[Finding]) -> bool:
    """Do old rows answer the rule's question, so that it need not speak where none does?"""
    return rule.undecided is not None and any(f.stage is Stage.REPLAY for f in findings)


def _rank(scene: Scene, findings: list[Finding], rule: Rule) -> tuple[int, ...]:
    """At the guilty line first, then what is worse, then what needs less to be known."""
    worst = max(f.severity for f in findings)
    return (_elsewhere(scene, findings), -worst, int(rule.needs))


def _elsewhere(scene: Scene, findings: list[Finding]) -> bool:
    return scene.guilty is not None and all(spot_of(f) != scene.guilty for f in findings)


def _override(rule: Rule, findings: list[Finding], **more: str) -> Proposal:
    """The shipped rule, made the team's own; at least an error, since it has hurt."""
    worst = max([rule.severity, Severity.ERROR, *(f.severity for f in findings)])
    text = toml_text.write({"id": rule.id, "extends": True, "severity": str(worst), **more})
    origin = Origin.OBSERVED if rule.needs is Needs.OUTCOMES else Origin.EXISTING
    return Proposal(
        rule.id,
        origin,
        text.lstrip("\n") if ours(rule) else "",
        rule.title,
        findings[0].message,
        _spots(findings),
    )


def _spots(findings: list[Finding]) -> tuple[Spot, ...]:
    return tuple(dict.fromkeys(spot_of(f) for f in findings))


# -- new rules -------------------------------------------------------------------------------------


def _tried(scene: Scene) -> Iterator[Proposal]:
    """Rules that are made for this case: about any table first, then about this one alone."""
    for origin, rule in _drafts(scene):
        # A draft that cannot be read, or asked of these fixtures, is no proposal.
        with suppress(MigsafeError):
            proposal = _proved(scene, rule, origin)
            if proposal:
                yield proposal
                return


def _drafts(scene: Scene) -> Iterator[tuple[Origin, templates.RuleText]]:
    template = templates.template_for(scene.kind, scene.error)
    for table, column in (("", ""), (scene.table, scene.column)):
        if template:
            name = scene.hazard or "-".join(w for w in (template, _word(table)) if w)
            fields = templates.Fields((scene.dialect,), table=table, column=column)
            with suppress(MigsafeError):
                yield Origin.TEMPLATE, templates.instantiate(template, _free(name), fields)
    for pattern in shape(scene.failing, scene.guilty, scene.dialect):
        name = scene.hazard or "statement-that-failed"
        fields = templates.Fields((scene.dialect,), pattern=pattern)
        with suppress(MigsafeError):
            yield Origin.STATEMENT, templates.instantiate("pattern", _free(name), fields)


def _word(name: str) -> str:
    return "".join(c if c.isalnum() and c.isascii() else "-" for c in name.lower()).strip("-")


def _free(name: str) -> str:
    """A rule that ships has the name already: the new one gets another."""
    return f"{name}-again" if (shipped() / name).exists() else name


def _proved(scene: Scene, rule: templates.RuleText, origin: Origin) -> Proposal | None:
    with TemporaryDirectory(prefix="migsafe-") as name:
        folder = Path(name) / "rules"
        templates.write(rule, folder)
        alone = load([Source(folder, "the proposal")])
        findings = list(judge(alone, scene.failing, on_server=True).findings)
        if not findings or _elsewhere(scene, findings):
            return None
        if scene.passing and judge(alone, scene.passing, on_server=True).findings:
            return None
    title = alone[0].title
    return Proposal(rule.id, origin, rule.toml, title, findings[0].message, _spots(findings))
