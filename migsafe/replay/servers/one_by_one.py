"""All pending migrations in one go against one at a time: what only one of the two survives."""

from __future__ import annotations

from collections.abc import Iterator

from migsafe.model.migration import Migration
from migsafe.model.outcome import Observation
from migsafe.replay.case import comparison
from migsafe.replay.run import Raised
from migsafe.replay.servers.plan import ServerPlan
from migsafe.replay.servers.running import copied, upgrade

KIND = "fails-one-by-one"
LIMIT = 20
"""Each migration is a run of the project's own runner: more pending ones are not led singly."""


def compared(
    plan: ServerPlan, template: str, pending: tuple[Migration, ...], raised: Raised
) -> str:
    """Beside an error of all in one go: what becomes of it one at a time; "" for the same."""
    if raised.slow or len(pending) == 1 or too_many(pending):
        return ""
    told = comparison(raised, _singly(plan, template, pending))
    return f"{told} (one transaction for all)" if told and _joined(plan) else told


def check(plan: ServerPlan, template: str, pending: tuple[Migration, ...]) -> Iterator[Observation]:
    """What comes through in one transaction for all and fails where each has its own."""
    if not _joined(plan) or len(pending) == 1 or too_many(pending):
        return
    raised = _singly(plan, template, pending)
    if raised is not None and not raised.slow:
        yield Observation(KIND, raised.place, raised.table, error=raised.message)


def not_tried(plan: ServerPlan, pending: tuple[Migration, ...]) -> Iterator[tuple[str, str]]:
    """What `check` left out, and why."""
    if _joined(plan) and too_many(pending):
        yield "one migration at a time", f"{len(pending)} pending ones are more than {LIMIT}"


def too_many(pending: tuple[Migration, ...]) -> bool:
    """Would a run for each take too long?"""
    return len(pending) > LIMIT


def _joined(plan: ServerPlan) -> bool:
    return plan.base.history.one_transaction


def _singly(plan: ServerPlan, template: str, pending: tuple[Migration, ...]) -> Raised | None:
    with copied(plan, template) as database:
        for migration in pending:
            attempt = upgrade(plan, database, (migration,))
            if attempt.raised is not None:
                return attempt.raised
    return None
