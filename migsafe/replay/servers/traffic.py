"""A service keeps running while a migration locks its tables: what comes to wait, or to harm.

First every statement is watched, then what the locks suggest is played with sessions that read and
write as the service would (`traffic_scenes`). PostgreSQL only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from migsafe.effects.postgres import blocks_reads
from migsafe.engines.postgres_observe import table_names
from migsafe.model.migration import Dialect, Migration
from migsafe.model.outcome import Observation, Outcome, Scenario, Verdict
from migsafe.model.sample import Sample
from migsafe.replay.servers.plan import ServerPlan
from migsafe.replay.servers.running import copied, session_in, upgrade
from migsafe.replay.servers.traffic_scenes import DEADLOCK, Scene, Stage
from migsafe.replay.servers.traffic_seen import Step, Watch, shuts_out

HANDFUL = 10
"""Rows: what is done to a table with fewer takes no time worth a word."""
_SHORT = 60_000
"""Milliseconds: a migration that gives up a lock sooner does not stop a service."""
_HARM = frozenset({"deadlock", "blocks-while-scanning"})
_SCENES = 16
_ROUNDS = 6
"""How many scenes are played at most, in how many replays."""


def asked_for(plan: ServerPlan) -> bool:
    """Is there a service to play, and a server whose locks can be seen?"""
    return plan.live_traffic and plan.dialect is Dialect.POSTGRES


def check(plan: ServerPlan, sample: Sample, pending: tuple[Migration, ...]) -> Outcome:
    """Replay the migrations under watch, and beside a service. They are known to come through."""
    template = plan.templates[sample.path]
    watch = Watch()
    with copied(plan, template) as database:
        rows = _rows(plan, database)
        attempt = upgrade(plan, database, pending, watch.before, watch.after)
    if attempt.raised is not None:
        note = f"the locks were not seen to the end: {attempt.raised.message}"
        return outcome_of(sample, (), notes=(note,))
    scenes = list(_scenes(watch))
    shown, tried = _played(plan, template, pending, scenes[:_SCENES])
    seen = (*_deadlocks(watch, shown), *_queues(watch, shown), *_scans(watch, dict(rows)))
    return replace(
        outcome_of(sample, seen),
        tried=tried + 1,
        complete=len(scenes) <= _SCENES,
        effected=tuple(watch.effected),
        rows=rows,
    )


def outcome_of(
    sample: Sample, seen: tuple[Observation, ...], notes: tuple[str, ...] = ()
) -> Outcome:
    """What came of a running service, in one outcome."""
    verdict = Verdict.BLOCKS if any(o.kind in _HARM for o in seen) else Verdict.OK
    return Outcome(
        sample.path,
        sample.revision,
        Scenario.TRAFFIC,
        verdict,
        sample.weight,
        seen,
        notes=notes,
    )


def _rows(plan: ServerPlan, database: str) -> tuple[tuple[str, int], ...]:
    """The rows of each table."""
    with session_in(plan, database) as session:
        tables = table_names(session.execute)
        counts = (session.execute(f"SELECT count(*) FROM ONLY {quoted}") for _, quoted in tables)
        return tuple((name, int(n[0][0])) for (name, _), n in zip(tables, counts, strict=True))


# -- what to try ----------------------------------------------------------------------------------


def _scenes(watch: Watch) -> Iterator[Scene]:
    """The scenes that the locks suggest, in the order of the statements."""
    for _, steps in groupby(watch.steps, key=lambda s: s.transaction):
        yield from _in_transaction(watch, list(steps))


def _in_transaction(watch: Watch, steps: Sequence[Step]) -> Iterator[Scene]:
    held: list[int] = []
    for step in steps:
        if not _is_ours(step):
            continue
        taken = _roots(watch, step.taken, held)
        if not _gives_up(step):
            yield from _crossed(step, taken, held)
            yield from (Scene(step.number, t, step.held[t]) for t in taken)
        held += taken


def _is_ours(step: Step) -> bool:
    return bool(step.place.path)


def _gives_up(step: Step) -> bool:
    return 0 < step.timeout <= _SHORT


def _roots(watch: Watch, taken: Iterable[int], held: Sequence[int]) -> list[int]:
    """One table for each partitioned one: whoever uses a part comes by the whole first."""
    known = {watch.root(t) for t in held}
    first: dict[int, int] = {}
    for table in sorted(taken, key=lambda t: watch.root(t) != t):
        if watch.root(table) not in known:
            first.setdefault(watch.root(table), table)
    return list(first.values())


def _crossed(step: Step, taken: Sequence[int], held: Sequence[int]) -> Iterator[Scene]:
    """Running code that uses two of the tables in the other order.

    Two locks of one statement that only writers feel come with every second foreign key of a new
    table, and cannot be had apart.
    """
    if held:
        yield from (Scene(step.number, t, step.held[t], held[0]) for t in taken[:1])
    elif len(taken) > 1 and any(blocks_reads(step.held[t]) for t in taken):
        one, other = taken[:2]
        yield Scene(step.number, one, step.held[one], other)
        yield Scene(step.number, other, step.held[other], one)


def _played(
    plan: ServerPlan, template: str, pending: tuple[Migration, ...], scenes: Sequence[Scene]
) -> tuple[list[Scene], int]:
    """The scenes in which the running code came to harm, and the number of replays it took."""
    left, shown = list(scenes), list[Scene]()
    rounds = 0
    while left and rounds < _ROUNDS:
        rounds += 1
        now = {s.number: s for s in reversed(left)}
        with copied(plan, template) as database:
            stage = Stage(plan, database, now)
            attempt = upgrade(plan, database, pending, stage.before, stage.after)
            stage.end()
        shown += stage.shown
        if attempt.raised is not None and DEADLOCK in attempt.raised.message and stage.tried:
            shown += [s for s in stage.tried[-1:] if s not in stage.shown]
        if not stage.tried:
            break
        dead = {s.number for s in shown if s.held}
        left = [s for s in left if s not in stage.tried and s.number not in dead]
    return shown, rounds


# -- what was seen --------------------------------------------------------------------------------


def _deadlocks(watch: Watch, shown: Iterable[Scene]) -> Iterator[Observation]:
    said: set[int] = set()
    for scene in shown:
        if not scene.held or scene.number in said:
            continue
        said.add(scene.number)
        step = _step(watch, scene)
        held, table = watch.tables[scene.held], watch.tables[scene.table]
        detail = (
            f"a session that used {table} and went on to {held} was ended by the server: "
            f"the migration held {held} and waited for {scene.mode} on {table}"
        )
        yield Observation("deadlock", step.place, table, name=held, detail=detail)


def _queues(watch: Watch, shown: Sequence[Scene]) -> Iterator[Observation]:
    """One for each statement, unless a deadlock says more."""
    dead = {s.number for s in shown if s.held}
    queued = sorted((s for s in shown if not s.held), key=lambda s: s.number)
    for number, scenes in groupby(queued, key=lambda s: s.number):
        if number not in dead:
            yield _queue(watch, list(scenes))


def _queue(watch: Watch, scenes: Sequence[Scene]) -> Observation:
    first, step = scenes[0], _step(watch, scenes[0])
    tables = " and ".join(watch.tables[s.table] for s in scenes)
    what = "read" if blocks_reads(first.mode) else "write"
    detail = (
        f"{first.mode} on {tables} waited for an open {what} without a limit, "
        f"and every later {what} waited behind it"
    )
    return Observation(
        "lock-queue", step.place, watch.tables[first.table], name=first.mode, detail=detail
    )


def _step(watch: Watch, scene: Scene) -> Step:
    return next(s for s in watch.steps if s.number == scene.number)


def _scans(watch: Watch, rows: Mapping[str, int]) -> Iterator[Observation]:
    """Rows are counted as often as a statement goes through them: there are not more than that."""
    for step in watch.steps:
        worked = [*step.observed.scans, *step.observed.written]
        most = max(worked, key=lambda s: s.rows, default=None)
        if most is None or most.rows < HANDFUL or not step.held or not _is_ours(step):
            continue
        names = {watch.tables[t]: mode for t, mode in step.held.items()}
        shut = most.table if most.table in names else min(names)
        count = min(most.rows, rows.get(most.table) or most.rows)
        detail = (
            f"{shuts_out(names[shut])} {shut} while {count:,} rows of {most.table} are "
            f"{_did(step, most.table)}"
        )
        yield Observation(
            "blocks-while-scanning", step.place, shut, name=names[shut],
            affected=count, total=count, detail=detail,
        )  # fmt: skip


def _did(step: Step, table: str) -> str:
    if table in step.observed.rewritten:
        return "written anew"
    return "changed" if any(w.table == table for w in step.observed.written) else "read"
