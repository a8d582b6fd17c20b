"""What earlier runs saw: the outcomes of a sample whose bytes, plan and tools are the same.

A replay is a function of these: chance and the clock are frozen, and every budget is a count. What
time or a program of the project had a say in is not kept. Outcomes hold no values of rows.
"""

from __future__ import annotations

import hashlib
import sqlite3
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace

from migsafe import store
from migsafe.model.migration import History, Migration
from migsafe.model.outcome import Outcome, Verdict
from migsafe.model.sample import Sample
from migsafe.replay.plan import Plan

Outcomes = tuple[Outcome, ...]
_BY_CHANCE = {Verdict.TOO_SLOW, Verdict.TOOL_ERROR}


def mark(plan: Plan) -> bytes | None:
    """What outcomes depend on besides the sample; None where nobody can know all of it.

    Program code, a command and models may read whatever they like.
    """
    launch = plan.launch
    programs = (plan.runner, launch.command, launch.callable, launch.models)
    if any(p is not None for p in programs) or not all(m.digest for m in plan.history.migrations):
        return None
    # Which samples are deep is part of each sample's own key.
    bare = replace(plan, deep=frozenset())
    told = (_canonical(bare), sys.version, sqlite3.sqlite_version, _library())
    digest = hashlib.blake2b(repr(told).encode("utf-8", "surrogatepass"), digest_size=20)
    return digest.digest() + store.code_mark()


def _library() -> str:
    """The build of SQLite: one version has many (lang_corefunc.html#sqlite_source_id)."""
    database = sqlite3.connect(":memory:")
    try:
        options = sorted(str(row[0]) for row in database.execute("PRAGMA compile_options"))
        (source,) = database.execute("SELECT sqlite_source_id()").fetchone()
    finally:
        database.close()
    return f"{source} {options}"


def _canonical(value: object) -> object:
    """Plain data whose repr() is the same in every process: sets have no order of their own."""
    if isinstance(value, Migration):
        # A file's digest stands for what was read out of it.
        return repr(replace(value, statements=()))
    if isinstance(value, History) or (is_dataclass(value) and not isinstance(value, type)):
        shown = (f.name for f in fields(value) if f.repr)
        return (type(value).__name__, *((n, _canonical(getattr(value, n))) for n in shown))
    if isinstance(value, Mapping):
        return sorted((repr(k), _canonical(v)) for k, v in value.items())
    if isinstance(value, (set, frozenset)):
        return sorted(repr(_canonical(v)) for v in value)
    if isinstance(value, (tuple, list)):
        return [_canonical(v) for v in value]
    return repr(value)


def key(plan: Plan, sample: Sample) -> str:
    """What a sample's outcomes depend on besides the plan."""
    deep = sample.path in plan.deep
    return f"{sample.digest} {sample.revision!r} {sample.tracked} {sample.sound} {deep}"


def load(plan: Plan, samples: Iterable[Sample], by: bytes | None) -> dict[str, Outcomes]:
    """The outcomes that are known already, by the samples' paths."""
    wanted = {s.path: s for s in samples if by is not None and s.digest}
    if by is None or not wanted:
        return {}
    known = store.load((key(plan, s) for s in wanted.values()), by)
    return {
        path: tuple(replace(o, sample=path, weight=s.weight) for o in known[key(plan, s)])
        for path, s in wanted.items()
        if key(plan, s) in known
    }


def save(plan: Plan, fresh: Sequence[tuple[Sample, Outcomes]], by: bytes | None) -> None:
    """Keep these outcomes for the next run, but those that time had a say in."""
    if by is None:
        return
    items = {
        key(plan, sample): outcomes
        for sample, outcomes in fresh
        if sample.digest and not any(o.verdict in _BY_CHANCE or o.notes for o in outcomes)
    }
    if items:
        store.save(items, by)
