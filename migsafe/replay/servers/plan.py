"""What a replay on a server is to do beyond `replay.plan`, as plain data for a worker process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from migsafe.adapters.alembic_server import Target
from migsafe.engines.servers import Address
from migsafe.model.migration import Dialect
from migsafe.replay.plan import Plan, Query
from migsafe.replay.run import Sent

Ask = Callable[[str], Sequence[tuple[Any, ...]]]
"""Asks the connection of the migration itself, within its transaction; raises what it raises."""

Hook = Callable[[Ask, Sent], None]
"""Called before or after every statement of a migration."""


def nothing(_: Ask, __: Sent) -> None:
    """The hook that does nothing."""


class ServerRunner(Protocol):
    """Runs migrations that are program code; satisfied by an adapter's runner."""

    def on_server(
        self,
        target: Target,
        revision: str,
        before: Callable[[Any], None],
        after: Callable[[Any], None],
    ) -> None:
        """Lead the database to "head", a revision, or down to "-base" or "-REVISION"."""


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """Everything that a replay on a server needs besides the sample.

    `base` says what all replays need; its runner is None and `runner` counts. `templates` names
    for each sample's path the database of ours that holds it. `address` is the server's, `ours`
    whether it is one of our own. `old_queries` are what the old version still runs; `downgrade`:
    lead it down again, after `after_upgrade`.
    """

    base: Plan
    dialect: Dialect
    address: Address
    ours: bool
    templates: Mapping[str, str] = field(default_factory=dict)
    runner: ServerRunner | None = None
    run_as: str = ""
    old_queries: tuple[Query, ...] = ()
    downgrade: bool = False
    after_upgrade: tuple[Query, ...] = ()
    live_traffic: bool = False
