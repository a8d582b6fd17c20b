"""How the work of each statement grows with the rows: a square kills a launch on a big user's data.

Work is counted in steps of SQLite's virtual machine, which are the same on every machine, on two
sizes of one sample. Only what follows from the larger one's steps is called seconds, and then as a
range: 37 to 126 million steps a second were measured for two back-fills on a server processor
(SQLite 3.40.1), and phones are taken to reach 20 to 100 million.
"""

from __future__ import annotations

import math
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

from migsafe.engines import sqlite as engine
from migsafe.model.migration import Kind, Migration, Operation
from migsafe.model.outcome import Observation, Place
from migsafe.model.sample import Sample
from migsafe.model.schema import Index, Schema, Table, fold_name
from migsafe.replay.plan import Plan
from migsafe.replay.run import Sent, run_sql, told
from migsafe.replay.schemas import schema_of
from migsafe.replay.sizes import Size, counted, halved, multiplied

ANDROID_SECONDS = 5.0
"""After so long without an answer Android offers to close the app (developer.android.com, ANRs)."""

IOS_SECONDS = 20.0
"""After about so long iOS ends an app that starts (developer.apple.com, watchdog terminations)."""

_SLOW, _FAST = 20e6, 100e6  # steps a second: see above
_TICK = 1000  # steps between two calls of the progress handler
_LIMIT = 60_000_000  # steps for one run of the migrations, about half a second here
_LARGE = 1000  # rows in one table, from which on the sample's own rows are enough
_SIZES = (400, 1600)  # rows in the largest table of a multiplied sample
_BIG_USER = 20_000  # rows that a multiplied sample is projected to
_TIMES = 10  # how many times its rows a large sample is projected to
_SQUARE = 1.7  # the exponent from which on growth is called a square
_PER_ROW = 200  # steps for each row that a few passes over the rows cannot need
_MOST_BYTES = 16_000_000  # larger samples are not copied again for this

_RUNS_QUERY = {Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.CREATE_TABLE, Kind.SELECT}
_SCAN = re.compile(r"(?:SCAN|SEARCH(?= \S+$)) (?:TABLE )?(?P<name>\S+)(?: AS (?P<alias>\S+))?")
"""A SEARCH without a key looks from one end for max() or min(), and reads half of the table."""

_NAME = r"[\"`\[]?(\w+)[\"`\]]?"
_EQUAL = re.compile(
    rf"(?:{_NAME}\.)?{_NAME}\)*\s*(?:==?|\bIS\b)\s*(?:\w+\()*(?:{_NAME}\.)?{_NAME}", re.IGNORECASE
)
"""Two columns that are compared, whatever functions stand around them."""


@dataclass(frozen=True, slots=True)
class _Scan:
    """A table that a statement reads from end to end again and again; `column` is compared."""

    table: str
    column: str = ""


@dataclass(frozen=True, slots=True)
class _Cost:
    """What one statement took; `cut` where it was stopped, so that it is at least so much."""

    sent: Sent
    steps: int
    scan: _Scan | None = None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class _Arm:
    """How the two sizes came about, and how many times the larger one's rows are looked ahead."""

    kind: str
    ahead: str
    times: float


def check(plan: Plan, sample: Sample, pending: tuple[Migration, ...]) -> list[Observation]:
    """The statements whose work grows with the square of the rows and will not end in time.

    For SQL histories; the undisturbed run must have come through. Kinds: `growth` where the
    sample's own rows show it, `growth-of-copies` where only its multiplied rows do,
    `growth-limited` where it could not be measured.
    """
    if len(sample.data) > _MOST_BYTES:
        return [Observation("growth-limited", detail="the sample is too large to be copied again")]
    try:
        return _check(plan, sample, pending)
    except sqlite3.Error as error:  # such as a function of the app in an index's expression
        return [Observation("growth-limited", detail=told(error))]


def _check(plan: Plan, sample: Sample, pending: tuple[Migration, ...]) -> list[Observation]:
    names = _touched(pending)
    whole = counted(sample.data, names)
    largest = max(whole.rows.values(), default=0)
    if not largest:
        return []
    if largest >= _LARGE:
        arm = _Arm("growth", f"at {_TIMES} times the rows", _TIMES)
        return _judged(plan, pending, arm, (halved(sample.data, names), whole))
    small, large = multiplied(sample.data, names, _distinct(pending), _SIZES)
    reached = max(large.rows.values(), default=1)
    ahead = f"(copies of the sample's); with {_BIG_USER:,} rows"
    arm = _Arm("growth-of-copies", ahead, max(_BIG_USER / reached, 1.0))
    return _judged(plan, pending, arm, (small, large))


def _touched(pending: tuple[Migration, ...]) -> set[str]:
    """The tables that the statements read or write, by folded name."""
    return {
        name
        for migration in pending
        for statement in migration.statements
        for operation in statement.operations or ()
        for name in _tables(operation)
    }


def _distinct(pending: tuple[Migration, ...]) -> set[str]:
    """The names, folded, of the columns whose values must differ from copy to copy.

    They are those that a statement compares with another column, and those that become a key.
    """
    found: set[str] = set()
    for statement in (s for migration in pending for s in migration.statements):
        for match in _EQUAL.finditer(statement.sql):
            found |= {fold_name(match[2]), fold_name(match[4])}
        for operation in statement.operations or ():
            found |= {fold_name(name) for name in _new_keys(operation.definition)}
    return found


def _new_keys(made: object) -> Iterator[str]:
    """The columns of the keys that a new table or index has, and those in a key's expressions."""
    if isinstance(made, Index) and made.unique:
        yield from (word for c in made.columns for word in re.findall(r"\w+", c.name))
    if isinstance(made, Table):
        yield from made.primary_key
        yield from (name for unique in made.uniques for name in unique.columns)


def _tables(operation: Operation) -> set[str]:
    found = {operation.table, *operation.sources, *(r.table for r in operation.references)}
    return {fold_name(name) for name in found if name}


# -- counting ---------------------------------------------------------------------------------


@dataclass(slots=True)
class _Meter:
    """Counts the steps of each statement of one run, and stops the run at the limit."""

    explains: bool
    until: float
    costs: dict[Place, _Cost] = field(default_factory=dict)
    gave_up: bool = False
    ticks: int = 0
    spent: int = 0
    current: Sent | None = None
    scan: _Scan | None = None

    def before(self, database: sqlite3.Connection, sent: Sent) -> None:
        self.scan = _nested_scan(database, sent) if self.explains else None
        self.current, self.ticks = sent, 0
        database.set_progress_handler(self.tick, _TICK)

    def after(self, _: sqlite3.Connection, sent: Sent) -> None:
        self._note(sent, cut=False)

    def tick(self) -> bool:
        """Answer SQLite's progress handler (c3ref/progress_handler.html): True stops."""
        self.ticks += 1
        self.gave_up = self.gave_up or time.monotonic() > self.until
        if self.gave_up:
            return True
        if self.spent + self.ticks * _TICK < _LIMIT:
            return False
        if self.current is not None:
            self._note(self.current, cut=True)
        return True

    def _note(self, sent: Sent, *, cut: bool) -> None:
        if sent.place not in self.costs:
            self.costs[sent.place] = _Cost(sent, self.ticks * _TICK, self.scan, cut)
            self.spent += 0 if cut else self.ticks * _TICK


def _measured(plan: Plan, data: bytes, pending: tuple[Migration, ...], *, explains: bool) -> _Meter:
    # The steps bound the run, so that it ends at the same one each time; past the user's own limit
    # for one migration nothing is said at all.
    meter = _Meter(explains, time.monotonic() + plan.seconds)
    with closing(engine.clone(data)) as database:
        run_sql(plan, database, pending, meter.before, meter.after)
    return meter


# -- judging ----------------------------------------------------------------------------------


def _judged(
    plan: Plan, pending: tuple[Migration, ...], arm: _Arm, sizes: tuple[Size, Size]
) -> list[Observation]:
    small = _measured(plan, sizes[0].data, pending, explains=False)
    large = _measured(plan, sizes[1].data, pending, explains=True)
    if small.gave_up or large.gave_up:
        return [Observation("growth-limited", detail="counting its steps took too long")]
    found = (
        _observation(arm, sizes, small.costs[place], cost)
        for place, cost in large.costs.items()
        if place in small.costs and not small.costs[place].cut
    )
    return [o for o in found if o is not None]


def _observation(
    arm: _Arm, sizes: tuple[Size, Size], small: _Cost, large: _Cost
) -> Observation | None:
    rows = [_rows(size, large.sent) for size in sizes]
    if rows[1] <= rows[0] or not rows[0] or not small.steps:
        return None
    exponent = math.log(large.steps / small.steps) / math.log(rows[1] / rows[0])
    if _is_square(sizes[1], large, rows[1]):
        exponent = max(exponent, 2.0)
    ahead = large.steps * arm.times ** min(exponent, 3.0)
    if exponent < _SQUARE or large.steps < _PER_ROW * rows[1] or ahead / _FAST <= ANDROID_SECONDS:
        return None
    if arm.kind != "growth" and large.scan is None:
        return None  # copies share many values: only a scan in a loop is not of their making
    scan = large.scan or _Scan("")
    return Observation(
        arm.kind,
        large.sent.place,
        table=scan.table,
        column=scan.column,
        affected=rows[1],
        total=rows[1],
        detail=_told(arm, large, rows[1], exponent, ahead),
    )


def _is_square(size: Size, cost: _Cost, rows: int) -> bool:
    """Was a large table read for each row of another? Then it is a square by its plan.

    Halves can hide that: a lookup that finds nothing reads all of a half, and stops early in the
    whole.
    """
    inner = size.rows.get(fold_name(cost.scan.table), 0) if cost.scan else 0
    return inner >= _LARGE and cost.steps >= inner * ((rows - inner) or inner)


def _rows(size: Size, sent: Sent) -> int:
    """The rows of the tables that a statement names, of all growing tables where it names none."""
    names = {name for operation in sent.operations for name in _tables(operation)}
    own = sum(size.rows.get(name, 0) for name in names)
    return own or sum(size.rows.values())


def _told(arm: _Arm, cost: _Cost, rows: int, exponent: float, ahead: float) -> str:
    growth = "with the square of the rows" if exponent < 2.5 else "faster than the rows' square"
    least = "more than " if cost.cut else ""
    low, high = ahead / _FAST, ahead / _SLOW
    budget = f"{ANDROID_SECONDS:g} s that Android"
    if low > IOS_SECONDS:
        budget += f" and the {IOS_SECONDS:g} s that iOS"
    allows = "allow" if low > IOS_SECONDS else "allows"
    text = (
        f"work grows {growth}: {least}{cost.steps / 1e6:.1f} million steps on {rows:,} rows"
        f"{' ' if arm.ahead.startswith('(') else '; '}{arm.ahead} {low:.0f} to {high:.0f} s,"
        f" more than the {budget} {allows} a start"
    )
    return text + (_missing(cost.scan) if cost.scan else "")


def _missing(scan: _Scan) -> str:
    text = f"; {scan.table} is read from end to end for each row"
    if not scan.column:
        return text
    return f"{text}: an index on {scan.table} ({scan.column}) is missing, or cannot be used"


# -- why --------------------------------------------------------------------------------------


def _nested_scan(database: sqlite3.Connection, sent: Sent) -> _Scan | None:
    """The table that is scanned inside a loop, by EXPLAIN QUERY PLAN (eqp.html)."""
    if not any(operation.kind in _RUNS_QUERY for operation in sent.operations):
        return None
    try:
        plan = database.execute(f"EXPLAIN QUERY PLAN {sent.sql}").fetchall()
    except sqlite3.Error:
        return None
    if not any(_SCAN.match(row[3]) for row in plan):
        return None
    schema = schema_of(database)
    for name in _scanned_in_loops(plan):
        table = _table(schema, name, sent.sql)
        if table is not None and not table.virtual:
            return _Scan(table.name, _compared(table, name, sent.sql))
    return None


def _scanned_in_loops(plan: list[tuple[int, int, int, str]]) -> Iterator[str]:
    """The names in SCAN lines that stand below a correlated query or behind another loop."""
    correlated: set[int] = set()
    loops: set[int] = set()
    for node, parent, _, text in plan:
        if text.startswith("CORRELATED") or parent in correlated:
            correlated.add(node)
        match = _SCAN.match(text)
        if match and (parent in correlated or parent in loops):
            yield match["alias"] or match["name"]
        if text.startswith(("SCAN", "SEARCH")):
            loops.add(parent)


def _table(schema: Schema, name: str, sql: str) -> Table | None:
    """The table of that name, or the one that the statement gives that alias."""
    found = schema.table(name)
    if found is not None:
        return found
    aliased = re.compile(rf"{_NAME}\s+(?:AS\s+)?[\"`\[]?{re.escape(name)}\b", re.I)
    tables = (schema.table(match[1]) for match in aliased.finditer(sql))
    return next((t for t in tables if t is not None), None)


def _compared(table: Table, name: str, sql: str) -> str:
    """The column of the table that the statement compares with one of another table."""
    own = {fold_name(name)}
    for match in _EQUAL.finditer(sql):
        sides = [(match[1], match[2]), (match[3], match[4])]
        for (of, column), (other, _) in (sides, sides[::-1]):
            mine = fold_name(of) in own if of else bool(other) and fold_name(other) not in own
            found = table.column(column) if mine else None
            if found is not None and (of or other):
                return found.name
    return ""
