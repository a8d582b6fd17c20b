"""Old rows that no sample has, and the old schema allows: does the migration survive them?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from migsafe.engines.session import ServerError, Session
from migsafe.model.migration import Dialect, Migration
from migsafe.model.outcome import Observation
from migsafe.replay.run import Raised
from migsafe.replay.servers.looks import inspected
from migsafe.replay.servers.made_rows import MadeRow, made_rows
from migsafe.replay.servers.plan import Hook, ServerPlan, nothing
from migsafe.replay.servers.running import copied, session_in, upgrade

_MOST = 30  # replays
_ROUNDS = 3  # failures that are looked for


@dataclass(slots=True)
class Found:
    """What made-up rows showed, after how many replays; `complete`: no budget ended it."""

    observations: list[Observation] = field(default_factory=list)
    tried: int = 0
    complete: bool = True


def explore(plan: ServerPlan, template: str, pending: tuple[Migration, ...], hook: Hook) -> Found:
    """Put all made-up rows into a copy and migrate it; reduce what fails to the row that it takes.

    `hook` is called before the statements of those replays in which every row is there. The old
    database must survive the migration as it is.
    """
    search = _Search(plan, template, pending)
    rows = search.accepted()
    for _ in range(_ROUNDS):
        raised = search.fails(rows, hook)
        if raised is None or search.over:
            break
        culprit = search.reduced(rows, raised)
        search.found.observations.append(_told(raised, culprit))
        if culprit.plain:
            break  # every row fails
        rows = [row for row in rows if row.of != culprit.of]
    else:
        search.found.complete = False
    return search.found


@contextmanager
def again(
    plan: ServerPlan, template: str, pending: tuple[Migration, ...], seen: Observation
) -> Iterator[str | None]:
    """A copy with the made-up row that showed the observation; None where it cannot be had.

    The rows that others build on come with it; where they do not do, all that were tried before.
    """
    search = _Search(plan, template, pending)
    rows = search.accepted()
    at = next((n for n, row in enumerate(rows) if row.told == seen.made), None)
    if at is None:
        yield None
        return
    for chosen in ([*(r for r in rows[:at] if r.plain), rows[at]], rows[: at + 1]):
        raised = search.fails(chosen)
        if raised is not None and (raised.place, raised.message) == (seen.place, seen.error):
            with copied(plan, template) as database:
                search.insert(database, chosen)
                yield database
            return
    yield None


def _told(raised: Raised, culprit: MadeRow) -> Observation:
    return Observation("raised", raised.place, error=raised.message, made=culprit.told)


@dataclass(slots=True)
class _Search:
    plan: ServerPlan
    template: str
    pending: tuple[Migration, ...]
    found: Found = field(default_factory=Found)

    @property
    def over(self) -> bool:
        """Is the budget spent? What was not tried then is said."""
        if self.found.tried >= _MOST:
            self.found.complete = False
        return not self.found.complete

    def accepted(self) -> list[MadeRow]:
        """The made-up rows that the old schema lets in."""
        with session_in(self.plan, self.template) as session:
            before = inspected(session, self.plan.dialect)
        with copied(self.plan, self.template) as database:
            upgrade(self.plan, database, self.pending)
            self.found.tried += 1
            with session_in(self.plan, database) as session:
                after = inspected(session, self.plan.dialect)
        hidden = {name.lower() for name in self.plan.base.history.version_tables}
        rows = made_rows(before, after, self.plan.dialect)
        rows = tuple(row for row in rows if row.table.lower() not in hidden)
        with copied(self.plan, self.template) as database:
            return self.insert(database, rows)

    def insert(self, database: str, rows: tuple[MadeRow, ...] | list[MadeRow]) -> list[MadeRow]:
        """Insert the rows; those that the server lets in."""
        with session_in(self.plan, database) as session:
            session.execute("BEGIN")
            there = [row for row in rows if _insert(session, row, self.plan.dialect)]
            session.execute("COMMIT")
        return there

    def fails(self, rows: list[MadeRow], hook: Hook = nothing) -> Raised | None:
        """How the migration fails with these rows, None where it comes through."""
        self.found.tried += 1
        with copied(self.plan, self.template) as database:
            self.insert(database, rows)
            return upgrade(self.plan, database, self.pending, hook).raised

    def reduced(self, rows: list[MadeRow], raised: Raised) -> MadeRow:
        """The row without which the same failure is not there: the last of the shortest beginning.

        Where one failure hides another the beginning may be of a different one; then it is that.
        """
        low, high = 0, len(rows)
        while high - low > 1 and not self.over:
            middle = (low + high) // 2
            now = self.fails(rows[:middle])
            if now is not None and now.place == raised.place:
                high = middle
            else:
                low = middle
        return rows[high - 1]


def _insert(session: Session, row: MadeRow, dialect: Dialect) -> bool:
    """Insert the row if the server lets it in; else nothing of it stays."""
    session.execute("SAVEPOINT migsafe_row")
    try:
        for sql in row.statements:
            session.execute(sql)
    except ServerError as error:
        if error.lost:
            raise
        session.execute("ROLLBACK TO SAVEPOINT migsafe_row")
        return False
    if dialect is Dialect.POSTGRES:
        session.execute("RELEASE SAVEPOINT migsafe_row")
    return True
