"""What rules would have said of each migration of the past, had it been the newest then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from migsafe.facts import Kept, keep
from migsafe.model.evidence import Evidence
from migsafe.model.finding import Finding
from migsafe.model.migration import Migration
from migsafe.model.rule import Rule
from migsafe.rules.run import run


def backtest(
    ruleset: Iterable[Rule], evidence: Evidence
) -> Iterator[tuple[Migration, tuple[Finding, ...]]]:
    """Each migration with its findings, judged with nothing after it known.

    `evidence` is about the whole history. Raises RuleInvalid as `run` does.
    """
    rules = tuple(ruleset)
    steps = {r: tuple(s) for r, s in groupby(evidence.steps, key=lambda step: step.revision)}
    past: Kept | None = None
    for number, migration in enumerate(evidence.history.migrations, 1):
        known = replace(evidence.history, migrations=evidence.history.migrations[:number])
        own = steps.get(migration.revision, ())
        newest = replace(evidence, history=known, steps=own, focus=frozenset({migration.revision}))
        yield migration, run(rules, newest, past).findings
        past = keep(known, own, past)
