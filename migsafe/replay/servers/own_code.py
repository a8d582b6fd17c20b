"""The project's own smoke test and launch callable, given the URL of a migrated database."""

from __future__ import annotations

from collections.abc import Iterator

from migsafe.model.outcome import Observation
from migsafe.replay import command, programs
from migsafe.replay.servers.plan import ServerPlan
from migsafe.replay.servers.running import url_of


def check(plan: ServerPlan, database: str) -> Iterator[Observation]:
    """Run both with `{db}`, or called with, the database's URL. Raises programs.CannotStart."""
    launch, url = plan.base.launch, url_of(plan, database)
    if launch.command is not None:
        error = command.run(launch.command, url, plan.base.seconds)
        if error:
            yield Observation("launch-command", launch.command.place, error=error)
    if launch.callable is not None:
        try:
            answer = programs.ask_alone(launch.callable, url, plan.base.seconds)
        except programs.Died as died:
            answer = {"error": str(died)}
        if answer:
            error = answer["error"] or answer.get("message", "")
            name = launch.callable.target
            yield Observation("launch-callable", launch.callable.place, name=name, error=error)
