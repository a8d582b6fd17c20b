"""One sample through all scenarios: the outcomes of its straight run and what follows from it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from migsafe.engines import sqlite as engine
from migsafe.errors import MigsafeError
from migsafe.model.migration import Migration
from migsafe.model.outcome import (
    Observation,
    Outcome,
    Probe,
    ProbeResult,
    Scenario,
    Verdict,
)
from migsafe.model.rule import When
from migsafe.model.sample import Sample
from migsafe.model.schema import fold_name
from migsafe.replay import (
    checks,
    command,
    first_inserts,
    frozen,
    growth,
    interrupted,
    launch,
    made,
    misfit,
    old_engine,
    other_start,
    own_code,
    programs,
    search_index,
    storage,
    unproven,
)
from migsafe.replay.interrupted import still_pending, user_version
from migsafe.replay.kept import Kept
from migsafe.replay.lineage import Lineage
from migsafe.replay.locate import locate
from migsafe.replay.plan import Plan
from migsafe.replay.run import (
    Attempt,
    Raised,
    Sent,
    migrated,
    nothing,
    run_program,
    run_sql,
    writes,
)
from migsafe.replay.schemas import renamed, schema_of
from migsafe.replay.sound import may_be_damaged

ROW_LIMIT = 1000
"""A probe counts at most this many rows."""

_VERDICTS = (
    (Verdict.RAISED, {"raised", "waits-for-itself"}),
    (Verdict.TOO_SLOW, {"too-slow"}),
    (Verdict.BRICKED, {"interrupted", "storage-full", "locked"}),
    (
        Verdict.LAUNCH_FAILED,
        {
            "launch-query",
            "launch-insert",
            "second-launch",
            "integrity",
            "old-query",
            "downgrade",
            *own_code.KINDS,
        },
    ),
    (Verdict.DATA_LOST, {*checks.LOSSES, "undecodable", "misfit", "invariant", "sequence-behind"}),
    (Verdict.DRIFTED, {"drifted", "foreign-keys"}),
    (Verdict.GROWS, {"growth", "growth-of-copies"}),
)


@dataclass(slots=True)
class _Prober:
    """Asks the data rules' questions at their moments and keeps the answers."""

    probes: tuple[Probe, ...]
    results: list[ProbeResult] = field(default_factory=list)
    trusting: bool = False  # what is certain to make its statement fail is not asked

    def ask_all(self, database: sqlite3.Connection, when: When) -> None:
        for probe in self.probes:
            if probe.when is when:
                self.results.append(ask(database, probe))

    def before_statement(self, database: sqlite3.Connection, sent: Sent) -> None:
        for probe in self.probes:
            if probe.when is When.STATEMENT and same_place(probe, sent):
                passes = self.trusting and probe.certain
                answer = ProbeResult(probe.rule, probe.candidate, 0)
                self.results.append(answer if passes else ask(database, probe))


def same_place(probe: Probe, sent: Sent) -> bool:
    """Does the question belong to this statement?"""
    same_line = (probe.place.path, probe.place.line) == (sent.place.path, sent.place.line)
    return same_line and (sent.read is None or probe.place.column == sent.place.column)


def ask(database: sqlite3.Connection, probe: Probe) -> ProbeResult:
    """Run a data rule's SELECT, read-only and in bounded time, and count its rows.

    Only integers in columns named `n` or `n_*` (counts) leave this function.
    """
    counted = 0
    first: tuple[tuple[str, str | int | float | None], ...] = ()
    try:
        with engine.read_only(database):
            cursor = database.execute(probe.sql)
            for row in cursor:
                counted += 1
                if counted == 1:
                    first = _counts(cursor, row)
                if counted >= ROW_LIMIT:
                    break
    except (sqlite3.Error, MigsafeError) as error:
        return ProbeResult(probe.rule, probe.candidate, 0, error=str(error))
    return ProbeResult(probe.rule, probe.candidate, counted, first)


def _counts(
    cursor: sqlite3.Cursor, row: tuple[object, ...]
) -> tuple[tuple[str, str | int | float | None], ...]:
    names = [d[0] for d in cursor.description]
    pairs = zip(names, row, strict=True)
    return tuple((n, v) for n, v in pairs if (n == "n" or n[:2] == "n_") and isinstance(v, int))


def replay(plan: Plan, sample: Sample) -> tuple[Outcome, ...]:
    """All outcomes of one sample."""
    before = engine.looks()
    frozen.begin()
    pending = plan.history.pending(sample.revision)
    try:
        outcomes = tuple(_scenarios(plan, sample, pending))
    except programs.CannotStart:
        raise
    except MigsafeError as error:
        outcomes = (_outcome(sample, Scenario.STRAIGHT, (), notes=(_sentence(error),)),)
        outcomes = (replace(outcomes[0], verdict=Verdict.TOOL_ERROR),)
    return (replace(outcomes[0], looks=engine.looks() - before), *outcomes[1:])


def _sentence(error: MigsafeError) -> str:
    hint = f" ({error.hint})" if error.hint else ""
    return f"{error.message}{hint}"


def _scenarios(plan: Plan, sample: Sample, pending: tuple[Migration, ...]) -> Iterator[Outcome]:
    with _asked(plan, sample, pending) as (prober, landed):
        database, attempt = landed
        seen = [_ignored(r) for r in attempt.ignored]
        migrated_data = b""
        if attempt.raised is None:
            seen += _after(plan, sample, pending, landed, prober)
            migrated_data = database.serialize()
    if attempt.raised is not None:
        unproven.require_blame(plan, sample, pending, attempt.raised)
        slow = attempt.raised.slow or not pending
        step_by_step = attempt.raised if slow else _step_by_step(plan, sample, pending)
        seen.append(_raised(attempt.raised, comparison(attempt.raised, step_by_step)))
        yield _finished(sample, Scenario.STRAIGHT, seen, attempt, prober)
        yield _outcome(sample, Scenario.STEP_BY_STEP, _of_attempt(step_by_step))
        return
    again = _second_launch(plan, sample, migrated_data)
    if sample.path in plan.deep | plan.launched:
        seen += command.check(migrated_data, plan.launch.command, plan.seconds)
        seen += own_code.check_callable(migrated_data, plan.launch.callable, plan.seconds)
    placed = locate(plan, sample, pending, seen)
    yield _finished(sample, Scenario.STRAIGHT, placed, attempt, prober)
    yield _outcome(sample, Scenario.SECOND_LAUNCH, again)
    if sample.path in plan.deep:
        killed, tried = interrupted.check(plan, sample, pending)
        yield replace(_outcome(sample, Scenario.INTERRUPTED, tuple(killed)), tried=tried)
        if plan.engine is not None:
            older = tuple(old_engine.check(plan, sample, pending, placed))
            yield _outcome(sample, Scenario.OLD_ENGINE, older)
        yield _from_other_start(plan, sample, pending, placed)
        if plan.made:
            yield _on_made_rows(plan, sample, pending, placed)
        yield from _on_other_devices(plan, sample, pending)


_Asked = tuple[_Prober, tuple[sqlite3.Connection, Attempt]]


@contextmanager
def _asked(plan: Plan, sample: Sample, pending: tuple[Migration, ...]) -> Iterator[_Asked]:
    """The straight run with the data rules' questions.

    Those that are certain are asked of a second run, and only where a statement failed.
    """
    trusting = plan.runner is None and any(p.certain for p in plan.probes)
    prober = _Prober(plan.probes, trusting=trusting)
    with _run_asked(plan, sample, pending, prober) as landed:
        attempt = landed[1]
        if not trusting or (attempt.raised is None and not attempt.ignored):
            yield prober, landed
            return
    frozen.begin()
    prober = _Prober(plan.probes)
    with _run_asked(plan, sample, pending, prober) as landed:
        yield prober, landed


@contextmanager
def _run_asked(
    plan: Plan, sample: Sample, pending: tuple[Migration, ...], prober: _Prober
) -> Iterator[tuple[sqlite3.Connection, Attempt]]:
    if any(p.when is When.BEFORE for p in plan.probes):
        with closing(engine.clone(sample.data)) as old:
            prober.ask_all(old, When.BEFORE)
    hook = prober.before_statement if plan.probes else nothing
    with migrated(plan, sample.data, pending, before=hook) as landed:
        yield landed


def _on_made_rows(
    plan: Plan,
    sample: Sample,
    pending: tuple[Migration, ...],
    known: tuple[Observation, ...],
) -> Outcome:
    prober = _Prober(plan.probes)
    hook = prober.before_statement if plan.probes else nothing
    found = made.explore(plan, sample, pending, known, hook)
    return replace(
        _outcome(sample, Scenario.MADE, tuple(found.observations)),
        probes=most(prober.results),
        tried=found.tried,
        complete=found.complete,
    )


def _from_other_start(
    plan: Plan,
    sample: Sample,
    pending: tuple[Migration, ...],
    known: tuple[Observation, ...],
) -> Outcome:
    def look(start: Sample, pending: tuple[Migration, ...]) -> list[Observation]:
        with migrated(plan, start.data, pending) as landed:
            if landed[1].raised is not None:
                return [_raised(landed[1].raised)]
            return _after(plan, start, pending, landed, _Prober(()))

    found = other_start.check(plan, sample, pending, known, look)
    outcome = _outcome(sample, Scenario.OTHER_START, found.observations)
    return replace(outcome, tried=found.tried)


def most(results: list[ProbeResult]) -> tuple[ProbeResult, ...]:
    """Of many answers to each question the one with the most rows."""
    best: dict[tuple[str, int], ProbeResult] = {}
    for result in results:
        key = (result.rule, result.candidate)
        if key not in best or result.rows > best[key].rows:
            best[key] = result
    return tuple(best.values())


def _on_other_devices(
    plan: Plan, sample: Sample, pending: tuple[Migration, ...]
) -> Iterator[Outcome]:
    """With more rows, with less storage: only where the history is SQL, which can be stopped."""
    if plan.runner is None:
        yield _outcome(sample, Scenario.GROWTH, tuple(growth.check(plan, sample, pending)))
        yield _outcome(sample, Scenario.STORAGE, tuple(storage.check(plan, sample, pending)))


def _after(
    plan: Plan,
    sample: Sample,
    pending: tuple[Migration, ...],
    landed: tuple[sqlite3.Connection, Attempt],
    prober: _Prober,
) -> list[Observation]:
    database, attempt = landed
    lineage = Lineage(pending, None if plan.runner is None else attempt.ran)
    kept = Kept()
    with engine.attached_old(database, sample.data), ExitStack() as opened:
        before = schema_of(
            database, "old", lambda: opened.enter_context(closing(engine.clone(sample.data)))
        )
        after = schema_of(database)
        origin = renamed(pending, before)
        unharmed = sample.sound and not may_be_damaged(pending, before, after)
        rows = list(checks.rows(database, before, after, origin, lineage, kept))
        rows += misfit.check(database, (before, after), plan.launch.fresh, origin, kept)
    ignored = {fold_name(t) for t in plan.history.version_tables}
    quick = sample.path not in plan.deep
    seen = (
        []
        if quick and unharmed and plan.runner is None
        else list(checks.integrity(sample.data, database, origin, quick=quick))
    )
    seen += [
        *checks.foreign_keys(sample.data, database, origin),
        *search_index.check(sample.data, database, after, lineage),
        *checks.undecodable(sample.data, database, after, kept),
        *checks.drift(before, after, plan.launch, ignored),
        *rows,
    ]
    prober.ask_all(database, When.AFTER)
    seen += own_code.check_models(database, plan.launch.models, plan.seconds)
    with closing(engine.clone(database.serialize())) as launched:
        frozen.freeze(launched, plan.now, *(q.sql for q in plan.launch.invariants))
        seen += first_inserts.check(launched, sample.data, plan.launch, after)
        seen += launch.check(launched, sample.data, plan.launch)
    return seen


def _ignored(raised: Raised) -> Observation:
    return Observation("ignored-error", raised.place, error=raised.message)


def _raised(raised: Raised, detail: str = "") -> Observation:
    kind = "too-slow" if raised.slow else "raised"
    return Observation(kind, raised.place, error=raised.message, detail=detail)


def comparison(raised: Raised, step_by_step: Raised | None) -> str:
    """What becomes of an error of all in one go where the migrations run one at a time."""
    if step_by_step is None:
        return "one migration at a time it comes through: only the jump in one go fails"
    if step_by_step.place != raised.place:
        where = f"{step_by_step.place.path}:{step_by_step.place.line}"
        return f"one migration at a time it fails at {where}"
    return ""


def _of_attempt(raised: Raised | None) -> tuple[Observation, ...]:
    return (_raised(raised),) if raised else ()


def _step_by_step(plan: Plan, sample: Sample, pending: tuple[Migration, ...]) -> Raised | None:
    """One launch per migration, each on a connection of its own."""
    if plan.runner is not None:
        return _program_steps(plan, sample, pending)
    data = sample.data
    for migration in pending:
        with closing(engine.clone(data)) as database:
            attempt = run_sql(plan, database, (migration,))
            if attempt.raised:
                return attempt.raised
            data = database.serialize()
    return None


def _program_steps(plan: Plan, sample: Sample, pending: tuple[Migration, ...]) -> Raised | None:
    with TemporaryDirectory(prefix="migsafe-") as folder:
        path = Path(folder) / "sample.db"
        engine.write_clone(sample.data, path)
        for migration in pending:
            attempt = run_program(plan, path, (migration,), nothing, nothing)
            if attempt.raised:
                return attempt.raised
    return None


def _second_launch(plan: Plan, sample: Sample, data: bytes) -> tuple[Observation, ...]:
    """Start the new version once more: whatever it still finds to migrate must do no harm."""
    if plan.runner is not None:
        return _second_program_launch(plan, data)
    if sample.tracked != "user_version" or not plan.sets_version:
        return ()
    version = user_version(data)
    again = still_pending(plan, version)
    if not again:
        return ()
    with closing(engine.clone(data)) as database:
        attempt = run_sql(plan, database, again)
    if attempt.raised is None:
        return ()
    detail = (
        f"user_version is still {version} after the migration, so the next launch runs it again"
    )
    return (
        Observation(
            "second-launch", attempt.raised.place, error=attempt.raised.message, detail=detail
        ),
    )


def _second_program_launch(plan: Plan, data: bytes) -> tuple[Observation, ...]:
    wrote: list[Sent] = []

    def note(_: sqlite3.Connection, sent: Sent) -> None:
        if any(writes(o) for o in sent.operations):
            wrote.append(sent)

    with TemporaryDirectory(prefix="migsafe-") as folder:
        path = Path(folder) / "sample.db"
        engine.write_clone(data, path)
        attempt = run_program(plan, path, (), note, nothing)
    if attempt.raised:
        return (Observation("second-launch", attempt.raised.place, error=attempt.raised.message),)
    if wrote:
        detail = "a second start writes again"
        return (Observation("second-launch", wrote[0].place, detail=detail),)
    return ()


def _finished(
    sample: Sample,
    scenario: Scenario,
    seen: list[Observation] | tuple[Observation, ...],
    attempt: Attempt,
    prober: _Prober,
) -> Outcome:
    outcome = _outcome(sample, scenario, tuple(seen))
    return replace(outcome, probes=tuple(prober.results), ran=attempt.ran)


def _outcome(
    sample: Sample,
    scenario: Scenario,
    seen: tuple[Observation, ...],
    notes: tuple[str, ...] = (),
) -> Outcome:
    return Outcome(
        sample.path,
        sample.revision,
        scenario,
        verdict(seen),
        sample.weight,
        seen,
        notes=notes,
    )


def verdict(seen: tuple[Observation, ...]) -> Verdict:
    """The worst thing seen; a loss that a statement asked for does not count."""
    kinds = {o.kind for o in seen if not o.deliberate}
    return next((v for v, of in _VERDICTS if kinds & of), Verdict.OK)
