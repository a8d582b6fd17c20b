"""A hotfix and the databases of a server that it meets."""

from __future__ import annotations

from dataclasses import replace

from migsafe import adapters
from migsafe.adapters.starting import stamp
from migsafe.cli.broken import Broken
from migsafe.cli.check import Effort
from migsafe.cli.check_servers import base_of, launch_of, plan_on
from migsafe.cli.fix_for import meet
from migsafe.cli.populations import Hotfix
from migsafe.cli.project import Project
from migsafe.errors import MigsafeError
from migsafe.model.fix_for import Wanted
from migsafe.model.migration import Migration
from migsafe.model.outcome import Observation, Outcome
from migsafe.model.report import Report
from migsafe.model.sample import Sample
from migsafe.replay import likeness
from migsafe.replay.plan import LaunchPlan
from migsafe.replay.populations import Remains
from migsafe.replay.servers import fleet, populations
from migsafe.replay.servers.plan import ServerPlan
from migsafe.replay.servers.running import server_of, session_in
from migsafe.replay.servers.samples import Loaded, Where, load, tracked_in


def hotfix(
    asked: Wanted, project: Project, effort: Effort, plan: ServerPlan, loaded: Loaded
) -> ServerHotfix:
    """The hotfix and whom it meets. `project` has been read; raises as `meet` does."""
    stands_in = project.config.samples.path is None
    known = () if stands_in else loaded.samples
    found = [replace(s, data=loaded.templates[s.path].encode()) for s in known]
    met = meet(asked, project, found, lambda broken, _: _Means(broken, effort, plan))
    met.errors += loaded.errors
    made = ServerHotfix(asked.name, met, project.history, plan.base.launch)
    made.loaded = replace(
        loaded,
        samples=tuple(met.samples),
        errors=tuple(met.errors),
        templates={s.path: s.data.decode() for s in met.all},
    )
    return made


class ServerHotfix(Hotfix):
    """A hotfix on databases of a server; `loaded` are those not yet updated, and where all lie."""

    loaded: Loaded

    def replayed(self, plan: ServerPlan) -> tuple[Outcome, ...]:
        """What it does to what was left: no made-up rows, no kills, no traffic."""
        base = replace(plan.base, probes=(), deep=frozenset(), made=False)
        bare = replace(plan, base=base, downgrade=False, live_traffic=False, old_queries=())
        return self.excused(fleet.run(bare, self.left))

    def judged(self, report: Report, plan: ServerPlan) -> Report:
        """The report with what the hotfix does to each kind of database, and judged by it."""
        return self.told(report, populations.landed(plan, self.all))


class _Means:
    """A server's; a database is known by its name."""

    def __init__(self, broken: Broken, effort: Effort, new: ServerPlan) -> None:
        self.new = new
        self.broken = broken.project
        server = server_of(new)
        base = base_of(broken.project, effort)
        launch = launch_of(broken.project, server) if broken.launch else new.base.launch
        base = replace(base, made=False, launch=_then(launch, new.base.launch))
        plan = plan_on(broken.project, server, base)
        self.plan = replace(
            plan, run_as=new.run_as, downgrade=False, live_traffic=False, old_queries=()
        )

    def own(self) -> tuple[tuple[Sample, ...], tuple[MigsafeError, ...]]:
        """The fixture's own old databases."""
        root, history = self.broken.config.root, self.broken.history
        where = Where(server_of(self.new), self.new.dialect, self.new.run_as)
        folder = root / str(self.broken.config.samples.path)
        found = load(folder, root, history, adapters.revision_of, where)
        named = (replace(s, data=found.templates[s.path].encode()) for s in found.samples)
        return tuple(named), found.errors

    def left_behind(self, start: Sample) -> tuple[Remains, ...]:
        """What the broken migrations leave of it."""
        pending = self.plan.base.history.pending(start.revision)
        return populations.left_behind(self.plan, start.data.decode(), pending)

    def harm(self, start: Sample) -> tuple[Observation, ...]:
        """What they do to it though they come through."""
        return populations.harm_of(self.plan, start.data.decode())

    def led(self, sample: Sample, pending: tuple[Migration, ...]) -> bytes | None:
        """The database after these migrations of the project; None where they fail."""
        name = populations.led(self.new, sample.data.decode(), pending)
        return None if name is None else name.encode()

    def said(self, data: bytes) -> tuple[str, object]:
        """Where the database says its version, and what it says."""
        with session_in(self.plan, data.decode()) as session:
            return tracked_in(session, self.plan.base.history)

    def noted(self, data: bytes, origin: Sample, had: tuple[str, ...], failed: str) -> bytes:
        """The database with these versions noted as the project's tool does."""
        if origin.tracked and self.new.runner is None:
            statements = stamp(self.new.base.history.framework, had, failed)
            populations.note(self.new, data.decode(), statements)
        return data

    def changed(self, before: bytes, after: bytes) -> frozenset[str]:
        """The tables of which something is gone or other than it was."""
        was, now = (populations.rows_of(self.plan, d.decode()) for d in (before, after))
        return likeness.changed(was, now)


def _then(own: LaunchPlan, now: LaunchPlan) -> LaunchPlan:
    """The launch of the broken version, where its fixture has it; a fresh install was another."""
    launch = own if own.queries or own.invariants else now
    return replace(launch, fresh=None)
