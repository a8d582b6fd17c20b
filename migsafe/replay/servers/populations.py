"""What a broken migration leaves of a server's database: stopped, killed, harmed, unharmed.

A failed transaction is rolled back by the server itself; what was sent outside of one, and what
MySQL commits with every change of the schema, stays.
"""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from migsafe.engines.session import ServerError
from migsafe.errors import ReplayAborted
from migsafe.model.fix_for import Kind
from migsafe.model.migration import Migration
from migsafe.model.outcome import Observation
from migsafe.model.sample import Sample
from migsafe.model.schema import Schema
from migsafe.replay.likeness import Landed
from migsafe.replay.populations import HARM, Remains, ended, stopped
from migsafe.replay.run import Attempt, Sent
from migsafe.replay.servers import looks
from migsafe.replay.servers.interrupted import Log, killed, left_after, spread
from migsafe.replay.servers.plan import ServerPlan, nothing
from migsafe.replay.servers.running import copied, server_of, session_in, upgrade

Ran = tuple[Attempt, int, list[tuple[int, Sent]]]
"""How a run went, after how many statements all was done, and the moments after which a kill leaves
something: each with its number of statements and the last of them."""

_FLEETING = re.compile(
    r"random|rand\s*\(|uuid|now\s*\(|current_(?:time|date)|clock_|sysdate|localtime|statement_time",
    re.IGNORECASE,
)
"""What gives other values in every run: a server's clock cannot be held still."""


def left_behind(
    plan: ServerPlan, template: str, pending: tuple[Migration, ...]
) -> tuple[Remains, ...]:
    """What the pending migrations leave of a copy of that database, in databases of their own.

    `Remains.data` is the name of each. Raises ReplayAborted where the replay cannot tell.
    """
    server = server_of(plan)
    name = server.create_database(template)
    attempt, done, moments = _elsewhere(_ran, plan, name, pending)
    data = name.encode()
    programs = plan.runner is not None
    if attempt.raised is not None:
        last = stopped(data, attempt.raised, pending, programs=programs)
        moments = moments[:-1]  # all that stays of the last one is there where it stopped
    else:
        harm = tuple(_harm(plan, template, name, (pending, attempt)))
        last = ended(data, harm, programs=programs)
        moments = [m for m in moments if m[0] < done]  # then only the version was to be noted
    kills = (_killed(plan, template, pending, moment) for moment in moments)
    return (last, *(k for k in kills if k is not None))


def harm_of(plan: ServerPlan, database: str) -> tuple[Observation, ...]:
    """What is wrong with a database that has had the broken migration, as far as can be seen."""
    seen = looks.launched(plan, database, database)
    return tuple(o for o in seen if o.kind in HARM)


def _ran(plan: ServerPlan, name: str, pending: tuple[Migration, ...]) -> Ran:
    log = Log(plan.dialect)
    attempt = upgrade(plan, name, pending, nothing, log.after)
    chosen = spread(log.moments)
    return attempt, log.done, [(at + 1, log.sent[at]) for at in chosen]


def _harm(
    plan: ServerPlan, template: str, name: str, how: tuple[tuple[Migration, ...], Attempt]
) -> Iterator[Observation]:
    states = looks.state(plan, template), looks.state(plan, name)
    seen = looks.compare(plan, how[0], how[1], states)
    seen += looks.sequences(plan, looks.behind(plan, template), name)
    seen += looks.launched(plan, name, template)
    yield from (o for o in seen if o.kind in HARM and not o.deliberate)


def _killed(
    plan: ServerPlan,
    template: str,
    pending: tuple[Migration, ...],
    moment: tuple[int, Sent],
) -> Remains | None:
    statements, last = moment
    server = server_of(plan)
    name = server.create_database(template)
    if not _elsewhere(killed, plan, name, pending, statements):
        with suppress(ServerError):
            server.drop_database(name)
        return None  # this run took another way
    left = left_after(plan, pending, last) if plan.runner is None else None
    where = f"{last.place.path}:{last.place.line}" if last.place.path else "the version was noted"
    begun = left[0].revision if left else ""
    how = f"killed after {where}"
    return Remains(name.encode(), left, Kind.BROKEN, "killed", how, begun)


# -- where the hotfix leads them -------------------------------------------------------------------


def led(plan: ServerPlan, template: str, pending: tuple[Migration, ...]) -> str | None:
    """A copy of that database after these migrations; None where they fail."""
    name = server_of(plan).create_database(template)
    attempt, _, _ = _elsewhere(_ran, plan, name, pending)
    return None if attempt.raised else name


def landed(plan: ServerPlan, samples: Iterable[Sample]) -> dict[str, Landed]:
    """Where the plan's migrations lead each of these databases."""
    found = {}
    for sample in samples:
        pending = plan.base.history.pending(sample.revision)
        before = looks.state(plan, plan.templates[sample.path])
        with copied(plan, plan.templates[sample.path]) as name:
            attempt, _, _ = _elsewhere(_ran, plan, name, pending)
            after = looks.state(plan, name)
        fixed = not _fleeting(pending, before.schema)
        found[sample.path] = Landed(
            before.rows.data, after.rows.data, attempt.raised is not None, fixed, after.schema
        )
    return found


def rows_of(plan: ServerPlan, database: str) -> bytes:
    """A mirror of the database's rows."""
    return looks.state(plan, database).rows.data


def note(plan: ServerPlan, database: str, statements: Sequence[str]) -> None:
    """Run these statements, as far as the database takes them."""
    with session_in(plan, database) as session:
        for statement in statements:
            with suppress(ServerError):
                session.execute(statement)


def _fleeting(pending: tuple[Migration, ...], old: Schema) -> bool:
    texts = [s.sql for m in pending for s in m.statements]
    texts += [repr(column) for table in old.tables.values() for column in table.columns]
    return any(_FLEETING.search(text) for text in texts)


# -- program code runs elsewhere -------------------------------------------------------------------

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def _elsewhere(
    function: Callable[Concatenate[ServerPlan, _Given], _Result],
    plan: ServerPlan,
    *given: _Given.args,
    **named: _Given.kwargs,
) -> _Result:
    if plan.runner is None:
        return function(plan, *given, **named)
    context = multiprocessing.get_context("spawn")  # a fork would inherit open connections
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(_there, partial(function, plan, *given, **named), plan).result()
        except BrokenProcessPool as error:
            raise ReplayAborted("the process that ran the broken migration died") from error


def _there(job: Callable[[], _Result], plan: ServerPlan) -> _Result:
    try:
        return job()
    finally:
        with suppress(Exception), closing(server_of(plan)):
            pass
