"""One rule as a page in Markdown: printed by `rules explain`, and kept in docs/rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import dedent, indent

from migsafe.model.rule import Needs, Rule

_NEEDS = {
    Needs.STATEMENTS: "the statements alone (`lint` and `check`)",
    Needs.SCHEMA: "the schema before and after each statement (`lint` and `check`)",
    Needs.DATA: "old rows (`check`); without any, it says where data decides",
    Needs.OUTCOMES: "what a replay shows (`check`)",
}
_KINDS = {"fail": "Fires here", "pass": "Silent here"}


@dataclass(frozen=True, slots=True)
class Example:
    """A fixture: its kind (fail or pass) and its files as (name, text)."""

    kind: str
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Story:
    """The page of the incident that a rule comes from: its first paragraph, and its path."""

    paragraph: str
    path: str


def page(
    rule: Rule, examples: tuple[Example, ...], said: str = "", story: Story | None = None
) -> str:
    """The whole page; `said` is what migsafe prints about the first fail example."""
    return "\n".join(_page(rule, examples, said, story)).rstrip() + "\n"


def _page(
    rule: Rule, examples: tuple[Example, ...], said: str, story: Story | None
) -> Iterator[str]:
    yield f"# {rule.id}"
    yield ""
    yield f"{rule.title[0].upper()}{rule.title[1:]}."
    yield ""
    yield f"- severity: {rule.severity}, confidence: {rule.confidence}"
    yield f"- needs: {_NEEDS[rule.needs]}"
    yield f"- dialects: {', '.join(str(d) for d in rule.dialects)}"
    if rule.fix:
        yield "- `migsafe lint --fix` rewrites it where that is provably safe"
    if rule.off:
        yield f'- off by default: `enable = ["{rule.id}"]` in `[rules]` of migsafe.toml'
    yield ""
    yield from _incident(rule, story)
    yield from _section("Instead", _remedy(rule))
    for example in examples:
        yield from _section(_KINDS[example.kind], _files(example))
        if said and example.kind == "fail":
            yield from ("What migsafe says:", "```text", said, "```", "")
    yield from _section("Allow it", _allow(rule))
    yield from _section("How it is found", _queries(rule))


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield from lines
    yield ""


def _incident(rule: Rule, story: Story | None) -> Iterator[str]:
    incident = rule.incident
    if incident is None and story is None:
        return
    yield "## Where it comes from"
    yield ""
    if story is not None:
        told = incident is not None and story.paragraph == " ".join(incident.summary.split())
        yield from () if told else (story.paragraph,)
        yield from (f"(the whole page: {story.path})", "")
    if incident is None:
        return
    yield incident.summary.strip()
    for label, value in (
        ("Date", incident.date),
        ("Versions", incident.versions),
        ("Affected", incident.affected),
    ):
        if value:
            yield f"- {label}: {value}"
    for why in incident.why:
        yield f"- {why.question} {why.answer}"
    yield from (f"- {link}" for link in incident.links)
    yield ""


def _remedy(rule: Rule) -> Iterator[str]:
    yield dedent(rule.remedy).strip()
    for framework, text in rule.remedies:
        yield ""
        yield f"{framework}:"
        yield ""
        yield indent(dedent(text).strip(), "    ")


def _files(example: Example) -> Iterator[str]:
    for name, text in example.files:
        language = name.rpartition(".")[2]
        yield f"`{name}`"
        yield f"```{language}"
        yield text
        yield "```"


def _allow(rule: Rule) -> Iterator[str]:
    yield "In the migration, before or beside the statement:"
    yield "```sql"
    yield f'-- migsafe: allow {rule.id} until=YYYY-MM-DD reason="why it is safe here"'
    yield "```"


def _queries(rule: Rule) -> Iterator[str]:
    if rule.check:
        yield f"By a Python function over the facts, `{rule.check}` beside its rule.toml."
        return
    if rule.pattern:
        yield "Every statement of this shape is a finding (`$T` and the like stand for anything):"
        yield from _sql(rule.pattern)
        for unless in rule.unless:
            yield "unless it has this one:"
            yield from _sql(unless)
        if rule.where:
            yield "and where:"
            yield from _sql(rule.where)
        yield "which comes to this SELECT over the facts:"
        yield from _sql(rule.find)
        return
    if rule.for_each:
        yield "Every row of this SELECT over the facts is a statement to look at:"
        yield from _sql(rule.for_each)
        yield f"and this is asked of each sampled database ({_MOMENTS[rule.when.value]}):"
    else:
        yield "Every row of this SELECT over the facts is a finding:"
    yield from _sql(rule.find)


_MOMENTS = {
    "before": "before the first migration",
    "statement": "just before the statement",
    "after": "after the last migration",
}


def _sql(text: str) -> Iterator[str]:
    yield "```sql"
    yield dedent(text).strip()
    yield "```"
