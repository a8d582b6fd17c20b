"""Judge a long history, going on from what an earlier run kept of it.

What has shipped does not change: a run that judges the newest file of a long history would fold all
others and write their facts only to find what it found yesterday. So the facts before the first
migration in focus are kept, with what it takes to go on from there. They are used only where every
file before is the same, and give what analysing the whole history gives. Where nothing at all is
new, neither is the judgement.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from migsafe import facts, store
from migsafe.analyse import Reached, analyse, continued, follow
from migsafe.cli.judging import Judgement, judge
from migsafe.cli.project import Project
from migsafe.model.evidence import Evidence
from migsafe.model.migration import Migration
from migsafe.model.rule import Rule

_WORTH_KEEPING = 20  # migrations before the focus, or since what was kept


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is known of the first migrations of a history."""

    reached: Reached
    facts: facts.Kept


def judgement(project: Project, chosen: Collection[str], ruleset: tuple[Rule, ...]) -> Judgement:
    """What can be said without data of the migrations that are chosen."""
    migrations = project.history.migrations
    # Program code may read more than its own file, and a rule in Python as well.
    program = any(m.program for m in migrations) or any(r.check for r in ruleset)
    if len(migrations) < _WORTH_KEEPING or program or store.folder() is None:
        return _judged(project, chosen, ruleset)
    some = "some" if len(chosen) < len(migrations) else "all"
    name = f"judgement of {some} {project.path} {project.history.dialect}"
    everything = _everything(project, chosen, ruleset)
    known = store.load_value(name)
    if known is not None and known[0] == everything:
        kept: Judgement = pickle.loads(known[1])  # noqa: S301 - of this very version, not damaged
        return kept
    made = _judged(project, chosen, ruleset)
    if not any(n.what.startswith("rule ") for n in made.not_run):  # the clock had a say in that
        store.save_value(name, (everything, pickle.dumps(made, pickle.HIGHEST_PROTOCOL)))
    return made


def _judged(project: Project, chosen: Collection[str], ruleset: tuple[Rule, ...]) -> Judgement:
    evidence, past = analysed(project, chosen)
    return judge(project, ruleset, evidence, past=past)


def _everything(project: Project, chosen: Collection[str], ruleset: tuple[Rule, ...]) -> bytes:
    """A digest of all that a judgement depends on."""
    *_, last = _marks(project, len(project.history.migrations))
    digest = hashlib.blake2b(last, digest_size=20)
    history = replace(project.history, migrations=())
    known = (replace(project, history=history), history.released, ruleset)
    digest.update(repr(known).encode("utf-8", "surrogatepass"))
    for m in project.history.migrations:
        focus = m.revision in chosen
        back = [(s.sql, s.span) for s in m.downgrade] if focus else ()
        said = (focus, m.title, m.parents, m.comments, m.one_way, back)
        digest.update(repr(said).encode("utf-8", "surrogatepass"))
    return digest.digest()


def analysed(project: Project, chosen: Collection[str]) -> tuple[Evidence, facts.Kept | None]:
    """The evidence about a project, and the facts about the steps that it leaves out."""
    history, settings = project.history, project.settings()
    first = next((i for i, m in enumerate(history.migrations) if m.revision in chosen), 0)
    whole = any(m.program for m in history.migrations) or history.one_transaction
    if first < _WORTH_KEEPING or whole or store.folder() is None:
        return analyse(history, chosen, project.runner, settings), None
    kept = _before(project, first)
    evidence = continued(history, chosen, project.runner, settings, kept.reached)
    return evidence, kept.facts


def _before(project: Project, first: int) -> _Kept:
    """What is known of the migrations before the number `first`, or of nearly all of them."""
    name = f"before focus {project.path} {project.history.dialect}"
    marks = list(_marks(project, first))
    kept = _loaded(name, marks)
    if kept is not None and first - kept.reached.migrations < _WORTH_KEEPING:
        return kept
    past = kept.reached if kept else None
    version = project.config.engine.oldest or ""
    steps, reached = follow(project.history, project.runner, version, past, first)
    kept = _Kept(reached, facts.keep(project.history, steps, kept.facts if kept else None))
    data = pickle.dumps(kept, pickle.HIGHEST_PROTOCOL)
    store.save_value(name, (first, marks[first], data))
    return kept


def _loaded(name: str, marks: list[bytes]) -> _Kept | None:
    """What was kept, where it is about these very migrations."""
    found = store.load_value(name)
    if found is None:
        return None
    migrations, mark, data = found
    if migrations >= len(marks) or marks[migrations] != mark:
        return None
    kept: _Kept = pickle.loads(data)  # noqa: S301 - written by this very version, and not damaged
    return kept


def _marks(project: Project, first: int) -> Iterator[bytes]:
    """For each number of migrations a digest of everything that is known of them depends on."""
    history, settings = project.history, project.settings()
    del settings["today"]  # what depends on it is never kept
    run = (history.framework, history.transactional, history.begins_with_rows, history.code)
    digest = hashlib.blake2b(store.code_mark(), digest_size=20)
    digest.update(repr((run, project.runner, sorted(settings.items()))).encode())
    yield digest.digest()
    for migration in history.migrations[:first]:
        digest.update(repr(_identity(migration)).encode("utf-8", "surrogatepass"))
        yield digest.digest()


def _identity(migration: Migration) -> tuple[object, ...]:
    m = migration
    return m.revision, m.path, m.transactional, m.digest, len(m.statements)
