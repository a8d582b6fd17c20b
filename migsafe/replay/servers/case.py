"""One sample on a server through all scenarios."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from migsafe.engines.session import ServerError
from migsafe.errors import MigsafeError
from migsafe.model.migration import Migration
from migsafe.model.outcome import Observation, Outcome, Place, Probe, ProbeResult, Scenario, Verdict
from migsafe.model.rule import When
from migsafe.model.sample import Sample
from migsafe.replay import programs
from migsafe.replay.case import ROW_LIMIT, most, same_place, verdict
from migsafe.replay.run import Attempt, Raised, Sent
from migsafe.replay.servers import (
    downgrade,
    interrupted,
    looks,
    made,
    one_by_one,
    own_code,
    rolling,
    traffic,
    traffic_mysql,
    watch,
)
from migsafe.replay.servers.plan import Ask, ServerPlan, nothing
from migsafe.replay.servers.running import asked, copied, session_in, told, upgrade


@dataclass(slots=True)
class Prober:
    """Asks the data rules' questions on the migration's own connection, and keeps the answers."""

    plan: ServerPlan
    results: list[ProbeResult] = field(default_factory=list)

    def before_statement(self, ask: Ask, sent: Sent) -> None:
        """Ask what belongs to this statement; a hook."""
        for probe in self.plan.base.probes:
            if probe.when is When.STATEMENT and same_place(probe, sent):
                self.results.append(self._answer(ask, probe))

    def all(self, database: str, when: When) -> None:
        """Ask everything that belongs to that moment."""
        probes = [p for p in self.plan.base.probes if p.when is when]
        if probes:
            with session_in(self.plan, database) as session:
                self.results += [self._answer(session.execute, p) for p in probes]

    def _answer(self, ask: Ask, probe: Probe) -> ProbeResult:
        sql = f"SELECT count(*) FROM ({probe.sql} LIMIT {ROW_LIMIT}) AS found"
        rows = asked(ask, self.plan.dialect, sql)
        if rows is None:
            return ProbeResult(probe.rule, probe.candidate, 0, error="the server refuses to answer")
        return ProbeResult(probe.rule, probe.candidate, int(rows[0][0]))


def replay(plan: ServerPlan, sample: Sample) -> tuple[Outcome, ...]:
    """All outcomes of one sample."""
    pending = plan.base.history.pending(sample.revision)
    try:
        return tuple(_scenarios(plan, sample, pending))
    except programs.CannotStart:
        raise
    except ServerError as error:
        return (_could_not(sample, told(error)),)
    except MigsafeError as error:
        hint = f" ({error.hint})" if error.hint else ""
        return (_could_not(sample, f"{error.message}{hint}"),)


def _could_not(sample: Sample, why: str) -> Outcome:
    outcome = outcome_of(sample, Scenario.STRAIGHT, (), notes=(why,))
    return replace(outcome, verdict=Verdict.TOOL_ERROR)


def outcome_of(
    sample: Sample,
    scenario: Scenario,
    seen: tuple[Observation, ...],
    notes: tuple[str, ...] = (),
) -> Outcome:
    """The outcome that these observations make."""
    return Outcome(
        sample.path, sample.revision, scenario, verdict(seen), sample.weight, seen, notes=notes
    )


def _scenarios(
    plan: ServerPlan, sample: Sample, pending: tuple[Migration, ...]
) -> Iterator[Outcome]:
    prober = Prober(plan)
    log = interrupted.Log(plan.dialect)
    template = plan.templates[sample.path]
    prober.all(template, When.BEFORE)
    deep = sample.path in plan.base.deep
    unseen: tuple[tuple[str, str], ...] = ()
    with copied(plan, template) as database:
        attempt = upgrade(plan, database, pending, prober.before_statement, log.after)
        seen = [observed(r, "ignored-error") for r in attempt.ignored]
        if attempt.raised is not None:
            why = one_by_one.compared(plan, template, pending, attempt.raised)
            seen.append(replace(observed(attempt.raised), detail=why))
        else:
            states = looks.state(plan, template), looks.state(plan, database)
            seen += _after(plan, pending, (template, database), attempt, states)
            beside = rolling.check(plan, template, pending)
            seen += beside.observations
            unseen += (*looks.not_compared(*states), *beside.unseen)
            if deep:
                seen += one_by_one.check(plan, template, pending)
                unseen += tuple(one_by_one.not_tried(plan, pending))
            prober.all(database, When.AFTER)
        seen = list(watch.placed(plan, template, pending, seen))
        straight = outcome_of(sample, Scenario.STRAIGHT, tuple(seen))
        yield replace(straight, probes=tuple(prober.results), ran=attempt.ran, unseen=unseen)
        if attempt.raised is None:
            again = _second(plan, database)
            yield outcome_of(sample, Scenario.SECOND_LAUNCH, again)
            if deep:
                yield from _further(plan, sample, pending, (template, database))
    if deep and attempt.raised is None:
        killed, tried = interrupted.check(plan, template, pending, log)
        cut_off = outcome_of(sample, Scenario.INTERRUPTED, tuple(killed))
        left = tuple(interrupted.not_seen(plan, log))
        yield replace(cut_off, tried=tried, unseen=left)
        if plan.base.made:
            yield _on_made_rows(plan, sample, pending)
        if traffic.asked_for(plan):
            yield traffic.check(plan, sample, pending)
        if traffic_mysql.asked_for(plan):
            yield traffic_mysql.check(plan, sample, pending)


def _further(
    plan: ServerPlan, sample: Sample, pending: tuple[Migration, ...], names: tuple[str, str]
) -> Iterator[Outcome]:
    """What writes to the migrated database: the project's own code, then the way back down."""
    _, database = names
    seen = tuple(own_code.check(plan, database))
    if seen:
        yield outcome_of(sample, Scenario.SECOND_LAUNCH, seen)
    if plan.downgrade:
        back = tuple(downgrade.check(plan, sample, pending, database))
        yield outcome_of(sample, Scenario.DOWNGRADE, back)


def _on_made_rows(plan: ServerPlan, sample: Sample, pending: tuple[Migration, ...]) -> Outcome:
    prober = Prober(plan)
    found = made.explore(plan, plan.templates[sample.path], pending, prober.before_statement)
    outcome = outcome_of(sample, Scenario.MADE, tuple(found.observations))
    return replace(outcome, probes=most(prober.results), tried=found.tried, complete=found.complete)


def observed(raised: Raised, kind: str = "") -> Observation:
    """The error as an observation."""
    kind = kind or raised.kind or ("too-slow" if raised.slow else "raised")
    return Observation(kind, raised.place, raised.table, error=raised.message)


def _after(
    plan: ServerPlan,
    pending: tuple[Migration, ...],
    names: tuple[str, str],
    attempt: Attempt,
    states: tuple[looks.State, looks.State],
) -> list[Observation]:
    template, database = names
    seen = looks.compare(plan, pending, attempt, states)
    seen += looks.sequences(plan, looks.behind(plan, template), database)
    seen += looks.launched(replace(plan, old_queries=()), database, template)
    return seen


def _second(plan: ServerPlan, database: str) -> tuple[Observation, ...]:
    """Start the runner once more: it must find nothing to do. SQL runners keep their own list."""
    if plan.runner is None:
        return ()
    wrote: list[Place] = []

    def note(_: Ask, sent: Sent) -> None:
        if sent.place.path:
            wrote.append(sent.place)

    attempt = upgrade(plan, database, (), note, nothing)
    if attempt.raised:
        return (Observation("second-launch", attempt.raised.place, error=attempt.raised.message),)
    if wrote:
        return (Observation("second-launch", wrote[0], detail="a second start migrates again"),)
    return ()
