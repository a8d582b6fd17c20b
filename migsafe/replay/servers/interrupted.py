"""Killed half-way: what was committed by then stays, and the migration is started again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from migsafe.engines.postgres_session import first_word
from migsafe.engines.session import ServerError
from migsafe.model.migration import Dialect, Kind, Migration
from migsafe.model.outcome import Observation
from migsafe.replay.run import Raised, Sent
from migsafe.replay.servers.plan import Ask, ServerPlan
from migsafe.replay.servers.running import copied, quoted, session_in, upgrade

FINISHED = "finished build"
"""The name of an observation where a build that was finished stops the next run."""

UNNOTICED = "unnoticed"
_MOST = 12  # moments at which one migration run is killed
_OPENS = {"BEGIN", "START"}
_CLOSES = {"COMMIT", "END"}
_QUIET = {"SET", "SELECT", "SHOW", "RESET", "ROLLBACK", "SAVEPOINT", "RELEASE", "LOCK", "USE"}
_ROWS = {"INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "VALUES"}


class _Killed(BaseException):
    """The process is gone. Not an Exception, so that no handler of the user's stops it."""


@dataclass(slots=True)
class Log:
    """The statements of a run in order; `moments` are those after which a kill leaves something."""

    dialect: Dialect
    sent: list[Sent] = field(default_factory=list)

    def after(self, _: Ask, sent: Sent) -> None:
        """Note a statement that came through; a hook."""
        self.sent.append(sent)

    @property
    def moments(self) -> list[int]:
        """Positions in `sent`; everything up to there is committed."""
        return [at for at, sent in enumerate(self.sent) if self._stays(sent)]

    @property
    def done(self) -> int:
        """How many statements it takes until nothing but the end of a transaction is left."""
        words = [first_word(sent.sql) if sent.place.path else "" for sent in self.sent]
        left = _QUIET | _CLOSES | {""}
        return max((at + 1 for at, word in enumerate(words) if word not in left), default=0)

    def _stays(self, sent: Sent) -> bool:
        word = first_word(sent.sql)
        if word in _CLOSES:
            return True
        if not sent.place.path or word in _QUIET or word in _OPENS:
            return False
        # Every change of the schema commits there (MySQL manual, "Statements That Cause an
        # Implicit Commit"), whatever the connection's mode.
        return sent.outside or (self.dialect is Dialect.MYSQL and word not in _ROWS)


def check(
    plan: ServerPlan, template: str, pending: tuple[Migration, ...], log: Log
) -> tuple[list[Observation], int]:
    """Kill the run at each moment and start it again; what fails then, and how often was tried."""
    seen: dict[object, Observation] = {}
    tried = 0
    for at in spread(log.moments):
        tried += 2
        for found in _at(plan, template, pending, log.sent[: at + 1]):
            seen.setdefault((found.place, found.error, found.name), found)
    return list(seen.values()), tried


def spread(moments: list[int]) -> list[int]:
    """At most as many as are tried, evenly spread."""
    if len(moments) <= _MOST:
        return moments
    return [moments[i * len(moments) // _MOST] for i in range(_MOST)]


def _at(
    plan: ServerPlan, template: str, pending: tuple[Migration, ...], done: list[Sent]
) -> Iterator[Observation]:
    last = done[-1]
    with copied(plan, template) as database:
        if not killed(plan, database, pending, len(done)):
            return  # this run took another way
        index = _built_concurrently(last)
        if index:
            _leave_invalid(plan, database, index)
        attempt = upgrade(plan, database, left_after(plan, pending, last))
        if attempt.raised is not None:
            yield _stopped(last, attempt.raised, index)
        elif index and _is_invalid(plan, database, index):
            yield Observation(
                "interrupted",
                last.place,
                name=UNNOTICED,
                detail=f"cut off here, the index {index} stays invalid: the next run passes it by",
            )


def killed(
    plan: ServerPlan, database: str, pending: tuple[Migration, ...], statements: int
) -> bool:
    """Run until so many statements are done; False where there were fewer."""
    count = 0

    def before(_: Ask, __: Sent) -> None:
        if count >= statements:
            raise _Killed

    def after(_: Ask, __: Sent) -> None:
        nonlocal count
        count += 1
        if count == statements:
            raise _Killed

    # What stands in a `finally` of the project may raise an error of its own instead.
    with suppress(_Killed):
        upgrade(plan, database, pending, before, after)
    return count >= statements


def left_after(
    plan: ServerPlan, pending: tuple[Migration, ...], last: Sent
) -> tuple[Migration, ...]:
    """What the next run has to do: Alembic asks its own table, others begin the file anew."""
    if plan.runner is not None:
        return pending
    at = next((i for i, m in enumerate(pending) if m.path == last.place.path), 0)
    return pending[at:]


def _stopped(last: Sent, raised: Raised, index: str) -> Observation:
    where = f"{last.place.path}:{last.place.line}"
    what = f"cut off in {where}" if index else f"killed after {where}"
    left = f" and leaves the index {index} behind, invalid" if index else ""
    finished = _is_build(raised.sql) and raised.place != last.place
    return Observation(
        "interrupted",
        raised.place,
        name=FINISHED if finished else "",
        error=raised.message,
        detail=f"{what}{left}, the migration cannot be run again: {raised.message}",
    )


# -- CREATE INDEX CONCURRENTLY --------------------------------------------------------------------


def _built_concurrently(sent: Sent) -> str:
    """The name of the index, "" for any other statement."""
    if not _is_build(sent.sql):
        return ""
    made = (o.name for o in sent.operations if o.kind is Kind.CREATE_INDEX)
    return next(made, "")


def _is_build(sql: str) -> bool:
    words = sql.upper().split()[:4]
    return words[:1] == ["CREATE"] and "CONCURRENTLY" in words


def _leave_invalid(plan: ServerPlan, database: str, index: str) -> None:
    """As a build leaves it that is cancelled (sql-createindex.html, Building Indexes Concurrently).

    Only a superuser may; elsewhere the index stays whole, and a retry meets it all the same.
    """
    with session_in(plan, database) as session, suppress(ServerError):
        session.execute(
            "UPDATE pg_catalog.pg_index SET indisvalid = false"
            f" WHERE indexrelid = {_regclass(plan, index)}"
        )


def not_seen(plan: ServerPlan, log: Log) -> Iterator[tuple[str, str]]:
    """What a kill would leave and cannot be set up, and why."""
    if not any(_built_concurrently(sent) for sent in log.sent):
        return
    with session_in(plan, plan.address.database) as session:
        rows = session.execute(
            "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"
        )
    if not rows[0][0]:
        yield "what a run passes by that meets an invalid index", "only a superuser can make one"


def _is_invalid(plan: ServerPlan, database: str, index: str) -> bool:
    with session_in(plan, database) as session:
        rows = session.execute(
            "SELECT 1 FROM pg_catalog.pg_index WHERE NOT indisvalid"
            f" AND indexrelid = {_regclass(plan, index)}"
        )
    return bool(rows)


def _regclass(plan: ServerPlan, index: str) -> str:
    name = quoted(plan.dialect, index).replace("'", "''")
    return f"pg_catalog.to_regclass('{name}')"
