"""The way back: does the downgrade run on data that the new version has written?"""

from __future__ import annotations

from collections.abc import Iterator

from migsafe.engines.session import ServerError
from migsafe.errors import ConfigError
from migsafe.model.migration import Migration
from migsafe.model.outcome import Observation
from migsafe.model.sample import Sample
from migsafe.replay.run import Attempt, Raised
from migsafe.replay.servers.plan import ServerPlan, nothing
from migsafe.replay.servers.running import run_program, run_statement, session_in, told

KIND = "downgrade"


def check(
    plan: ServerPlan, sample: Sample, pending: tuple[Migration, ...], database: str
) -> Iterator[Observation]:
    """Write what the new version writes, then lead the migrated database back to where it was.

    Raises ConfigError where `after_upgrade` itself fails.
    """
    _write(plan, database)
    attempt = _down(plan, sample, pending, database)
    if attempt.raised is not None:
        raised = attempt.raised
        yield Observation(KIND, raised.place, error=raised.message)


def _write(plan: ServerPlan, database: str) -> None:
    with session_in(plan, database) as session:
        for query in plan.after_upgrade:
            try:
                session.execute(query.sql)
            except ServerError as error:
                raise ConfigError(
                    f"the statement fails on a migrated database: {told(error)}",
                    place=f"{query.place.path}:{query.place.line}",
                    hint="see [downgrade] after_upgrade",
                ) from error


def _down(
    plan: ServerPlan, sample: Sample, pending: tuple[Migration, ...], database: str
) -> Attempt:
    if plan.runner is not None:
        to = f"-{sample.revision or 'base'}"
        return run_program(plan, database, to, pending, (nothing, nothing))
    return Attempt(_down_sql(plan, pending, database))


def _down_sql(plan: ServerPlan, pending: tuple[Migration, ...], database: str) -> Raised | None:
    with session_in(plan, database, role=True) as session:
        for migration in reversed(pending):
            if plan.base.wrapped[migration.revision]:
                session.execute("BEGIN")
            for statement in migration.downgrade:
                raised = run_statement(plan, session, statement, (nothing, nothing))
                if raised is not None:
                    return raised
            if session.in_transaction():
                session.execute("COMMIT")
    return None
