"""Kill the migration at every commit and start it again: does the next launch finish?

The only states that a killed process leaves behind are those of the commits: what stood inside a
transaction is gone after recovery. So one run that keeps the database's bytes at each commit gives
every state, and starting again from each of them costs one short run (research: equal findings to
SIGKILL, at a sixteenth of the price). A kill during the first relaunch is tried as well.

A relaunch that comes by a state from which another one is known ends as that one did, so it stops
there: taken from the last state to the first, a ladder of n steps costs n steps and not n^2 / 2.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from migsafe.engines import sqlite as engine
from migsafe.model.migration import Kind, Migration
from migsafe.model.outcome import Observation, Place
from migsafe.model.sample import Sample
from migsafe.model.schema import Schema, fold_name
from migsafe.replay.plan import Plan
from migsafe.replay.run import Attempt, Raised, Sent, nothing, run_program, run_sql
from migsafe.replay.schemas import schema_of
from migsafe.sql.tokens import quoted

_FLEETING = re.compile(r"random|'now'|current_(?:time|date)|unixepoch\s*\(\s*\)", re.IGNORECASE)
"""What gives other values in every run, so that two runs cannot be compared by values."""

UNNOTICED = "unnoticed"
"""The name of an observation whose relaunch comes through, with other rows than undisturbed."""

_POINTS = 400
"""At most this many states of one sample: longer ladders are sampled evenly."""


@dataclass(frozen=True, slots=True)
class Point:
    """The database after a commit, and what the next launch still has to run.

    `sent` is the statement after which the process was killed; `pending` None: the database itself
    says it (a version table that the runner writes).
    """

    data: bytes
    sent: Sent
    pending: tuple[Migration, ...] | None


@dataclass(frozen=True, slots=True)
class End:
    """How one launch ended: the database, and the error that stopped it (None: it came through)."""

    data: bytes
    raised: Raised | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """What the undisturbed run gave; `values` False: only row counts can be compared.

    `gone` are the old rows that it takes out of every table itself.
    """

    content: dict[str, bytes]
    values: bool = True
    gone: int = 0


@dataclass(frozen=True, slots=True)
class _Broken:
    """A kill after which the app does not come back, or comes back with other data."""

    point: Point
    error: str
    lost: int
    again: Sent | None = None  # the statement of the second kill
    unnoticed: bool = False  # it comes through, with other rows in a table of the same shape


def check(
    plan: Plan, sample: Sample, pending: tuple[Migration, ...]
) -> tuple[list[Observation], int]:
    """What a kill at each commit leads to, and how many kills were tried.

    The undisturbed run must have come through.
    """
    with closing(engine.clone(sample.data)) as old:
        before = row_counts(old, schema_of(old))
        values = not fleeting(old, pending)
    finished, points = one_launch(plan, sample.data, pending)
    gone = rows_lost(finished.data, before)
    goal, whole = Goal(contents(finished.data, values), values, gone), image(finished.data)
    broken: list[_Broken] = []
    tried = 0
    first = thinned(points)
    known = {state_of(p) for p in first}
    ends = None if any(map(_looks_back, pending)) else Ends()
    for point in reversed(first):
        tried += 1
        result, seconds = relaunched(plan, point, pending, ends)
        same = result.raised is None and image(result.data) == whole
        fault = None if same else _fault(result, goal, point, before)
        if fault:
            broken.append(fault)
            continue
        # A relaunch mostly goes through states that the first launch had: those are tried already.
        for second in thinned([p for p in seconds if state_of(p) not in known]):
            known.add(state_of(second))
            tried += 1
            end, _ = relaunched(plan, second, pending, ends)
            twice = _fault(end, goal, second, before)
            if twice:
                broken.append(replace(twice, point=point, again=second.sent))
                break
    return list(_observations(_news(broken[::-1]), tried, pending[0].path)), tried


def _news(broken: list[_Broken]) -> list[_Broken]:
    """Without the second kills that hit where one kill alone does the same."""
    alone = {(b.point.sent.place.path, b.error) for b in broken if b.again is None}
    return [b for b in broken if not b.again or (b.again.place.path, b.error) not in alone]


def thinned(points: list[Point]) -> list[Point]:
    """Each state once, evenly spread where there are too many."""
    unique = list({state_of(p): p for p in points}.values())
    step = -(-len(unique) // _POINTS) or 1
    return unique[::step]


def state_of(point: Point) -> bytes:
    """What tells two states apart: all bytes but the change counters of the header.

    Bytes 24 to 27 and 92 to 95 count writes (fileformat2.html, section 1.3).
    """
    rest = b"" if point.pending is None else len(point.pending).to_bytes(4, "big")
    return image(point.data) + rest


def image(data: bytes) -> bytes:
    """What tells two databases apart: all their bytes but the counters."""
    return hashlib.blake2b(data[:24] + data[28:92] + data[96:], digest_size=20).digest()


# -- launches -------------------------------------------------------------------------------------

_SESSION = (
    *(f"PRAGMA {name}" for name in (
        "legacy_alter_table", "recursive_triggers", "ignore_check_constraints",
        "writable_schema", "reverse_unordered_selects", "query_only",
    )),
    "SELECT 'a' LIKE 'A'",
    "SELECT name FROM pragma_database_list WHERE name <> 'temp'",
    "SELECT type, name, sql FROM sqlite_temp_master",
)  # fmt: skip
"""What a connection carries from one migration into the next, apart from the database itself.

Not the enforcement of foreign keys: each migration starts with what the project declares.
"""

_LAST = re.compile(r"last_insert_rowid|changes\s*\(", re.IGNORECASE)
"""What answers by the row that the connection wrote last."""


def _session(database: sqlite3.Connection) -> tuple[object, ...]:
    return tuple(tuple(map(tuple, database.execute(query))) for query in _SESSION)


def _looks_back(migration: Migration) -> bool:
    """Does it ask for the row written last before it has written one itself?"""
    for statement in migration.statements:
        kinds = {operation.kind for operation in statement.operations or ()}
        if Kind.INSERT in kinds:
            return False
        if _LAST.search(statement.sql) and not kinds & {Kind.CREATE_TRIGGER, Kind.CREATE_VIEW}:
            return True
    return False


@dataclass(slots=True)
class Ends:
    """How launches ended, by the database that they began with and what they had to run."""

    _found: dict[tuple[object, ...], End] = field(default_factory=dict)
    _distinct: dict[tuple[object, ...], End] = field(default_factory=dict)

    def get(self, data: bytes, left: tuple[Migration, ...]) -> End | None:
        """The end of a launch from there, None where none is known."""
        return self._found.get(self._key(data, left))

    def keep(self, data: bytes, left: tuple[Migration, ...], end: End) -> None:
        """Note where a launch has ended; equal databases are held once."""
        same = self._distinct.setdefault((image(end.data), end.raised), end)
        self._found[self._key(data, left)] = same

    def _key(self, data: bytes, left: tuple[Migration, ...]) -> tuple[object, ...]:
        return image(data), *(migration.revision for migration in left)


@dataclass(slots=True)
class _Recorder:
    """Keeps the state after every commit of a launch."""

    plan: Plan
    points: list[Point] = field(default_factory=list)
    left: tuple[Migration, ...] | None = None
    last: bytes = b""

    def after(self, database: sqlite3.Connection, sent: Sent) -> None:
        if database.in_transaction:
            return
        data = database.serialize()
        if data != self.last:
            self.points.append(Point(data, sent, self.left))
            self.last = data


def one_launch(
    plan: Plan, data: bytes, pending: tuple[Migration, ...], ends: Ends | None = None
) -> tuple[End, list[Point]]:
    """One whole launch: the database at its end (or its error), and the states on the way.

    It stops where it comes by the start of a launch whose end is known, on a connection like new.
    """
    if plan.runner is not None:
        return _program_launch(plan, data, pending)
    recorder = _Recorder(plan, last=data)
    with closing(engine.clone(data)) as database:
        fresh = _session(database)
        for at, migration in enumerate(pending):
            if ends is not None and at and _session(database) == fresh:
                end = ends.get(database.serialize(), pending[at:])
                if end is not None:
                    return end, recorder.points
            recorder.left = pending[at:]
            attempt = run_sql(plan, database, (migration,), after=recorder.after)
            if attempt.raised:
                return End(database.serialize(), attempt.raised), recorder.points
            if plan.wrapped[migration.revision] and migration.statements:
                # The runner notes the new version in the same transaction.
                recorder.left = pending[at + 1 :]
                recorder.after(database, _last_sent(migration))
        return End(database.serialize()), recorder.points


def _last_sent(migration: Migration) -> Sent:
    statement = migration.statements[-1]
    span = statement.span
    return Sent(statement.sql, Place(span.path, span.line, span.column), statement.operations)


def _program_launch(
    plan: Plan, data: bytes, pending: tuple[Migration, ...]
) -> tuple[End, list[Point]]:
    recorder = _Recorder(plan, last=data)
    with TemporaryDirectory(prefix="migsafe-") as folder:
        path = Path(folder) / "sample.db"
        engine.write_clone(data, path)
        attempt: Attempt = run_program(plan, path, pending, nothing, recorder.after)
        return End(path.read_bytes(), attempt.raised), recorder.points


def relaunched(
    plan: Plan, point: Point, pending: tuple[Migration, ...], ends: Ends | None = None
) -> tuple[End, list[Point]]:
    """The next launch after the process ended at this point; its end is added to `ends`."""
    if point.pending is None:
        return _program_launch(plan, point.data, pending)
    left = left_after(plan, point.data, point.pending, pending)
    end, points = one_launch(plan, point.data, left, ends)
    if ends is not None:
        ends.keep(point.data, left, end)
    return end, points


def left_after(
    plan: Plan, data: bytes, left: tuple[Migration, ...], pending: tuple[Migration, ...]
) -> tuple[Migration, ...]:
    """What the next launch runs of `pending`: `left`, unless the database counts for itself."""
    version = user_version(data)
    if not (plan.sets_version and _counts_revisions(version, plan, pending)):
        return left
    known = {m.revision for m in pending}
    return tuple(m for m in still_pending(plan, version) if m.revision in known)


def _counts_revisions(version: int, plan: Plan, pending: tuple[Migration, ...]) -> bool:
    """Is the number one of a revision, or of what came before the first pending one?

    Where the files are numbered in another way than the version is, it says nothing of them.
    """
    numbers = {int(m.revision) for m in plan.history.migrations if m.revision.isdecimal()}
    waiting = [int(m.revision) for m in pending if m.revision.isdecimal()]
    return version in numbers or (bool(waiting) and version < min(waiting))


def user_version(data: bytes) -> int:
    """PRAGMA user_version: big-endian at byte 60 of the header (fileformat2.html, section 1.3)."""
    return int.from_bytes(data[60:64], "big", signed=True)


def still_pending(plan: Plan, version: int) -> tuple[Migration, ...]:
    """What a ladder by PRAGMA user_version runs at this number."""
    return tuple(
        m for m in plan.history.migrations if m.revision.isdecimal() and int(m.revision) > version
    )


# -- what became of it ----------------------------------------------------------------------------


def _fault(end: End, goal: Goal, point: Point, before: dict[str, int]) -> _Broken | None:
    lost = max(rows_lost(end.data, before) - goal.gone, 0)
    if end.raised:
        return _Broken(point, end.raised.message, lost)
    now, wanted = contents(end.data, goal.values), goal.content
    what = _differs(now, wanted)
    if not what:
        return None
    rows = any(_other_rows(now[name], wanted[name]) for name in now.keys() & wanted.keys() if name)
    return _Broken(point, what, lost, unnoticed=rows)


def difference(data: bytes, goal: Goal) -> str:
    """How the database differs from the undisturbed run's, "" where it does not."""
    return _differs(contents(data, goal.values), goal.content)


def _differs(now: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> str:
    names = sorted(n for n in now.keys() | wanted.keys() if now.get(n) != wanted.get(n))
    if not names:
        return ""
    return f"other rows or another schema than undisturbed: {names[0] or 'an index'}"


def _other_rows(now: bytes, wanted: bytes) -> bool:
    """Is the table's definition the same, and are its rows others?"""
    return now != wanted and now[:_DEFINITION] == wanted[:_DEFINITION]


def fleeting(old: sqlite3.Connection, pending: tuple[Migration, ...]) -> bool:
    """Do the migrations, or what the old schema brings along, give other values in every run?"""
    stored = old.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")
    texts = [str(sql) for (sql,) in stored]
    texts += (statement.sql for migration in pending for statement in migration.statements)
    return any(_FLEETING.search(text) for text in texts)


def contents(data: bytes, values: bool = True) -> dict[str, bytes]:
    """The logical content: per table a digest of its definition and of its rows in any order.

    Without `values`: only the number of rows.
    """
    found: dict[str, bytes] = {}
    with closing(engine.clone(data)) as database:
        schema = schema_of(database)
        database.text_factory = bytes
        for key, table in schema.tables.items():
            if not table.virtual:
                rows = _rows(database, table.name) if values else _number(database, table.name)
                found[key] = _digest(repr(table).encode()) + rows
        found[""] = repr((schema.indexes, schema.triggers, schema.views)).encode()
    return found


_DEFINITION = 16  # bytes of a digest


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=_DEFINITION).digest()


def _rows(database: sqlite3.Connection, table: str) -> bytes:
    total = 0
    for row in database.execute(f"SELECT * FROM {quoted(table)}"):
        digest = hashlib.blake2b(repr(row).encode(), digest_size=16).digest()
        total = (total + int.from_bytes(digest, "big")) % (1 << 128)
    return total.to_bytes(16, "big")


def _number(database: sqlite3.Connection, table: str) -> bytes:
    (count,) = database.execute(f"SELECT count(*) FROM {quoted(table)}").fetchone()
    return str(count).encode()


def row_counts(database: sqlite3.Connection, schema: Schema) -> dict[str, int]:
    """The rows of each table that is not virtual, by folded name."""
    return {
        key: int(_number(database, t.name)) for key, t in schema.tables.items() if not t.virtual
    }


def rows_lost(data: bytes, before: dict[str, int]) -> int:
    """Rows of old tables that no table of this database can still hold."""
    with closing(engine.clone(data)) as database:
        try:
            now = row_counts(database, schema_of(database))
        except sqlite3.Error:
            return 0
    spare = sorted((n for key, n in now.items() if key not in before), reverse=True)
    lost = 0
    for key, count in before.items():
        held = max([now.get(fold_name(key), 0), *spare])
        lost += max(count - held, 0)
    return lost


def _observations(broken: list[_Broken], tried: int, first: str) -> Iterator[Observation]:
    """One observation for each migration file: its worst point.

    A statement of the runner's own (its version table) has no file: `first` stands for it.
    """
    by_file: dict[str, list[_Broken]] = {}
    for item in broken:
        by_file.setdefault(item.point.sent.place.path, []).append(item)
    for items in by_file.values():
        worst = max(items, key=lambda b: (b.lost, b.unnoticed, b.again is None))
        yield Observation(
            "interrupted",
            worst.point.sent.place if worst.point.sent.place.path else Place(first, 1),
            affected=worst.lost,
            total=tried,
            name=UNNOTICED if worst.unnoticed else "",
            error=worst.error,
            detail=_told(worst, len(items)),
        )


def _told(worst: _Broken, points: int) -> str:
    text = f"killed after {short(worst.point.sent.sql)}"
    if worst.again:
        text += f", and again after {short(worst.again.sql)}"
    text += f": the next start ends in: {worst.error}"
    if worst.lost:
        text += f"; {worst.lost} old rows are in no table any more"
    return f"{text} ({points} such {'moment' if points == 1 else 'moments'})"


def short(sql: str) -> str:
    """A statement's first 50 characters in one line, in backticks."""
    words = " ".join(sql.split())
    return f"`{words}`" if len(words) <= 50 else f"`{words[:47]}...`"
