"""`migsafe check` on PostgreSQL, MariaDB and MySQL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migsafe import adapters
from migsafe.analyse import analyse, wrapped
from migsafe.cli import keep_failing, replayed, shards
from migsafe.cli.check import Checked, Effort
from migsafe.cli.judging import judge
from migsafe.cli.launch_code import launch_callable
from migsafe.cli.launch_command import launch_command
from migsafe.cli.launch_files import queries_of
from migsafe.cli.lint import conclude
from migsafe.cli.project import Project, passed_over
from migsafe.engines import running
from migsafe.engines.servers import NoServer, Server
from migsafe.engines.session import ServerError
from migsafe.errors import ConfigError, NothingToCheck, ReplayAborted, UnreadableSample
from migsafe.facts import build
from migsafe.model.evidence import Evidence, NotRun
from migsafe.model.migration import Dialect, Migration
from migsafe.model.outcome import Scenario
from migsafe.model.report import Report
from migsafe.model.rule import Needs, Rule, Severity
from migsafe.model.sample import Sample
from migsafe.model.schema import Schema
from migsafe.replay import fleet as grouping
from migsafe.replay.library import Found
from migsafe.replay.plan import LaunchPlan, Plan
from migsafe.replay.servers import fleet
from migsafe.replay.servers.looks import inspected
from migsafe.replay.servers.plan import ServerPlan, ServerRunner
from migsafe.replay.servers.running import quoted, told, upgrade
from migsafe.replay.servers.samples import Loaded, Where, load
from migsafe.rules import ask

if TYPE_CHECKING:
    from migsafe.cli.fix_for_servers import ServerHotfix

STANDS_IN = "(what the older migrations build)"


def check(
    project: Project,
    fail_on: Severity,
    effort: Effort,
    ruleset: tuple[Rule, ...],
    progress: fleet.Progress | None,
) -> Checked:
    """Judge one project with a server's dialect; `project` has been read."""
    _require_replayable(project)
    try:
        server = running.server(project.history.dialect, project.config.engine.dsn or "")
    except NoServer as error:
        return Checked(_unreplayed(project, fail_on, ruleset, error), project)
    base = base_of(project, effort)
    plan = plan_on(project, server, base)
    _require_role(plan, server)
    loaded = _material(project, server, plan)
    launch = launch_of(project, server)
    plan = replace(plan, base=replace(base, launch=launch))
    hotfix = _hotfix(project, effort, plan, loaded)
    loaded = hotfix.loaded if hotfix else loaded
    left = hotfix.left if hotfix else ()
    behind = tuple(s for s in loaded.samples if project.history.pending(s.revision))
    if not (behind or left or loaded.errors):
        raise _nothing_pending(project)
    pending = {m.revision for s in (*behind, *left) for m in project.history.pending(s.revision)}
    bases = loaded.schemas if project.config.samples.path else {}
    evidence = analyse(project.history, pending, project.runner, project.settings(), bases)
    with closing(build(evidence)) as facts:
        probes = ask.probes(ruleset, facts, project.history)
    base = replace(base, probes=probes, deep=_deep(behind), launch=launch)
    plan = replace(plan, base=base, templates=loaded.templates)
    begun = time.perf_counter()
    mark, every = shards.state(project, behind, probes), len(behind)
    behind = effort.part.mine(behind) if effort.part else behind
    seen = effort.known.of(behind, mark) if effort.known else fleet.run(plan, behind, progress)
    outcomes = seen
    outcomes += hotfix.replayed(plan) if hotfix else ()
    failures = grouping.group(behind, outcomes)
    evidence = replace(evidence, samples=behind, outcomes=outcomes, failures=failures)
    evidence = replace(evidence, needs=Needs.OUTCOMES)
    took = effort.known.seconds if effort.known else time.perf_counter() - begun
    ran = _Ran(plan, loaded, server, took, part=effort.part is not None)
    report = _report(project, ruleset, evidence, ran, fail_on)
    report = shards.marked(report, effort.part, (effort.made, mark), Found(seen), every)
    report = hotfix.judged(report, plan) if hotfix else report
    if effort.keep is not None:
        report = keep_failing.write(effort.keep, report, plan, behind)
    return Checked(report, project, plan, behind, evidence)


def _nothing_pending(project: Project) -> NothingToCheck:
    return NothingToCheck(
        f"no migration is pending: all samples are at {project.history.head}",
        hint="add a sample of an older version",
    )


def _hotfix(
    project: Project, effort: Effort, plan: ServerPlan, loaded: Loaded
) -> ServerHotfix | None:
    from migsafe.cli.fix_for_servers import hotfix  # noqa: PLC0415 - it builds on this module

    return hotfix(effort.fix_for, project, effort, plan, loaded) if effort.fix_for else None


def _require_replayable(project: Project) -> None:
    if project.history.framework == "django":
        raise ReplayAborted(
            "Django's migrations are not replayed on servers by this version",
            hint="`migsafe lint` works without a database; "
            "`manage.py sqlmigrate` gives the SQL of one, which can be replayed",
        )


def _unreplayed(
    project: Project, fail_on: Severity, ruleset: tuple[Rule, ...], error: NoServer
) -> Report:
    """What the text alone says, where no server can be had."""
    focus = {m.revision for m in project.history.migrations}
    evidence = analyse(project.history, focus, project.runner, project.settings())
    result = judge(project, ruleset, evidence)
    why = f"{error.message}; {error.hint}" if error.hint else error.message
    return Report(
        command="check",
        conclusion=conclude(result.findings, fail_on, checked=False),
        findings=result.findings,
        not_run=(NotRun("replay on old data", why, failed=True), *result.not_run),
        fail_on=fail_on,
        migrations=len(evidence.focus),
        statements=len(evidence.steps),
        framework=project.history.framework,
        dialect=str(project.history.dialect),
        notes=result.notes,
        gone=result.gone,
    )


# -- the plan -------------------------------------------------------------------------------------


def base_of(project: Project, effort: Effort) -> Plan:
    """What all replays need to know of the project."""
    history, m = project.history, project.migrations
    return Plan(
        history=history,
        wrapped={x.revision: wrapped(history, x, project.runner) for x in history.migrations},
        on_error=m.on_error,
        seconds=effort.seconds,
        made=effort.made,
        now=f"{project.today} 12:00:00",
    )


def plan_on(project: Project, server: Server, base: Plan) -> ServerPlan:
    """How the project's migrations run on the server. Raises ConfigError."""
    config = project.config
    runner: ServerRunner | None = None
    if any(migration.program for migration in project.history.migrations):
        runner = adapters.runner(project.history.framework, config.root, project.path)
    return ServerPlan(
        base=base,
        dialect=project.history.dialect,
        address=server.address,
        ours=not config.engine.dsn,
        runner=runner,
        run_as=config.engine.run_as or "",
        old_queries=queries_of(project, config.launch.old_queries, "launch", "old_queries"),
        downgrade=config.downgrade.check,
        after_upgrade=queries_of(
            project, config.downgrade.after_upgrade, "downgrade", "after_upgrade"
        ),
        live_traffic=bool(config.engine.live_traffic),
    )


def _require_role(plan: ServerPlan, server: Server) -> None:
    """The role that migrates: made where the server is ours, else it has to be there."""
    if not plan.run_as:
        return
    if plan.dialect is not Dialect.POSTGRES:
        raise ConfigError("engine.run_as is for PostgreSQL only", hint="leave it out")
    with closing(server.connect(plan.address.database)) as session:
        name = plan.run_as.replace("'", "''")
        there = session.execute(f"SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = '{name}'")
        if not there and not plan.ours:
            raise ConfigError(
                f"the server has no role {plan.run_as}", hint="see [engine] run_as: CREATE ROLE"
            )
        role = quoted(plan.dialect, plan.run_as)
        if not there:
            session.execute(f"CREATE ROLE {role}")
        try:
            session.execute(f"SET ROLE {role}")
        except ServerError as error:
            raise ConfigError(
                f"the user of [engine] dsn may not become {plan.run_as}: {told(error)}",
                hint=f"GRANT {role} TO that user, or leave [engine] run_as out",
            ) from error


def _deep(found: tuple[Sample, ...]) -> frozenset[str]:
    """One sample of each version for the costly scenarios: the largest."""
    best: dict[str | None, Sample] = {}
    for sample in found:
        if len(sample.data) > len(best.get(sample.revision, Sample("", None, b"", "")).data):
            best[sample.revision] = sample
        best.setdefault(sample.revision, sample)
    return frozenset(s.path for s in best.values())


# -- samples and launch ---------------------------------------------------------------------------


def _material(project: Project, server: Server, plan: ServerPlan) -> Loaded:
    folder, root = project.config.samples.path, project.config.root
    if folder is None:
        return _stand_in(project, server, plan)
    where = Where(server, plan.dialect, plan.run_as)
    loaded = load(root / folder, root, project.history, adapters.revision_of, where)
    if not loaded.samples and not loaded.errors:
        raise UnreadableSample(
            f"the samples folder {folder} holds no dump",
            hint="put dumps there: *.sql, *.sql.gz, on PostgreSQL also *.dump",
        )
    return loaded


def _stand_in(project: Project, server: Server, plan: ServerPlan) -> Loaded:
    """Without samples: what the migrations before the newest one build, empty of rows."""
    migrations = project.history.migrations
    if not migrations:
        raise NothingToCheck("there are no migrations")
    older: tuple[Migration, ...] = () if plan.runner is not None else migrations[:-1]
    database = server.create_database()
    attempt = upgrade(plan, database, older) if older else None
    if attempt is not None and attempt.raised is not None:
        server.drop_database(database)
        older, database = (), server.create_database()
    revision = older[-1].revision if older else None
    with closing(server.connect(database)) as session:
        schema = inspected(session, plan.dialect)
    sample = Sample(STANDS_IN, revision, b"", "")
    return Loaded((sample,), (), {STANDS_IN: database}, {revision: schema})


def launch_of(project: Project, server: Server) -> LaunchPlan:
    """What the configuration says of the launch. Raises ConfigError for a file that is wrong."""
    launch = project.config.launch
    fresh = _fresh(project, server, launch.schema) if launch.schema else None
    return LaunchPlan(
        fresh,
        launch.schema or "",
        queries_of(project, launch.queries, "launch", "queries"),
        queries_of(project, launch.invariants, "launch", "invariants"),
        launch.foreign_keys,
        launch_command(project.config),
        launch_callable(project.config),
    )


def _fresh(project: Project, server: Server, name: str) -> Schema:
    """The schema of a fresh install, from a database of its own."""
    statements = queries_of(project, name, "launch", "schema")
    database = server.create_database()
    session = server.connect(database)
    try:
        for query in statements:
            try:
                session.execute(query.sql)
            except ServerError as error:
                raise ConfigError(
                    f"the fresh install's schema fails: {told(error)}",
                    place=f"{query.place.path}:{query.place.line}",
                    hint="see [launch] schema",
                ) from error
        return inspected(session, project.history.dialect)
    finally:
        session.close()
        server.drop_database(database)


# -- the report -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Ran:
    """What was replayed, on what, in how many seconds."""

    plan: ServerPlan
    loaded: Loaded
    server: Server
    seconds: float
    part: bool = False  # others have more of the samples


def _report(
    project: Project,
    ruleset: tuple[Rule, ...],
    evidence: Evidence,
    ran: _Ran,
    fail_on: Severity,
) -> Report:
    missing = (*_unseen(evidence), *_missing(project, ran))
    empty = STANDS_IN in ran.plan.templates
    whole = not (empty or ran.part)
    told = replayed.Replayed(ran.loaded.errors, missing, empty, {Scenario.MADE}, ran.seconds, whole)
    return replayed.report(project, ruleset, evidence, told, fail_on)


def _unseen(evidence: Evidence) -> Iterator[NotRun]:
    """What the replays came through without looking at; it says nothing against the others."""
    seen = dict.fromkeys(each for o in evidence.outcomes for each in o.unseen)
    yield from (NotRun(what, why) for what, why in seen)


def _missing(project: Project, ran: _Ran) -> Iterator[NotRun]:
    if project.config.samples.path is None:
        hint = 'no samples: put SQL dumps in a folder, [samples] path = "..."'
        yield NotRun("replay on old data", hint)
    yield from passed_over(project.history)
    launch = ran.plan.base.launch
    for what, there, key in (
        ("launch queries", launch.queries, "[launch] queries"),
        ("comparison with a fresh install", launch.fresh, "[launch] schema"),
        ("invariants", launch.invariants, "[launch] invariants"),
        ("queries of the old version", ran.plan.old_queries, "[launch] old_queries"),
    ):
        if not there:
            yield NotRun(what, f"none configured: {key}")
    if not ran.plan.downgrade:
        yield NotRun("the way back", "not asked for: [downgrade] check")
    elif ran.plan.runner is None:
        without = [m.path for m in project.history.migrations if not m.downgrade]
        if without:
            yield NotRun("the way back", f"{without[-1]} has no downgrade")
    if project.config.launch.models:
        yield NotRun("[launch] models", "read on SQLite only")
    if ran.plan.live_traffic and ran.plan.dialect is not Dialect.POSTGRES:
        what = "deadlocks with a running service, and rows gone through under a lock"
        yield NotRun(what, "watched on PostgreSQL only")
    yield from _old_version(project, ran.server)


def _old_version(project: Project, server: Server) -> Iterator[NotRun]:
    """The replay is on one server: [engine] oldest is what the rules go by."""
    oldest = project.config.engine.oldest
    if oldest:
        runs = ".".join(map(str, server.version))
        yield NotRun(f"replay on version {oldest}", f"{server.product} {runs} is what runs here")
