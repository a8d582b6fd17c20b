"""Which locks each statement of a migration takes on PostgreSQL, and what it does under them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from migsafe.effects.postgres import MODES, blocks_reads, blocks_writes
from migsafe.engines.postgres_observe import State, difference, look
from migsafe.engines.postgres_session import first_word
from migsafe.model.observed import Observed
from migsafe.model.outcome import Effected, Place
from migsafe.replay.run import Sent
from migsafe.replay.servers.plan import Ask

_TABLES = frozenset({"r", "p", "m"})  # pg_class.relkind: tables, partitioned ones, kept views
_CONTROL = frozenset({
    "BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "PREPARE", "SAVEPOINT", "RELEASE",
})  # fmt: skip
_ALONE = frozenset({"VACUUM", "CALL"})
_CANNOT = re.compile(
    r"\bCONCURRENTLY\b|\A\s*(?:CREATE|DROP|ALTER)\s+(?:DATABASE|TABLESPACE|SYSTEM|SUBSCRIPTION)\b"
    r"|\A\s*DO\b.*\b(?:COMMIT|ROLLBACK)\b|\A\s*REINDEX\b.*\b(?:SCHEMA|DATABASE|SYSTEM)\b"
    r"|\A\s*CLUSTER\s*\Z",
    re.IGNORECASE | re.DOTALL,
)
"""What is refused in a transaction block (the manual's pages of these commands)."""
_SESSION = """
SELECT pg_catalog.now() < pg_catalog.statement_timestamp(), pg_catalog.now()::text,
       (1000 * extract(epoch FROM pg_catalog.current_setting('lock_timeout')::interval))::bigint,
       pg_catalog.pg_backend_pid()
"""
_PARENTS = "SELECT inhrelid, inhparent FROM pg_catalog.pg_inherits"


def spelled(mode: str) -> str:
    """A lock mode of pg_locks as SQL spells it: AccessShareLock is ACCESS SHARE."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", mode.removesuffix("Lock")).upper()


def strongest(modes: Iterable[str]) -> str:
    """The strongest of some modes, in SQL's spelling; "" for none."""
    known = [m for m in map(spelled, modes) if m in MODES]
    return max(known, key=MODES.index, default="")


@dataclass(frozen=True, slots=True)
class Step:
    """One statement that ran, and the locks that it left on tables which were there before.

    `number` counts the statements from 0. `held` gives the strongest strong lock on each table,
    by oid, at its end; `taken` those of them that nothing before it in its transaction had taken.
    `timeout` is the lock_timeout it waited under, in milliseconds (0: none); `transaction` is the
    same for the statements of one.
    """

    number: int
    place: Place
    sql: str
    held: Mapping[int, str]
    taken: tuple[int, ...]
    observed: Observed
    timeout: int
    transaction: str


@dataclass(slots=True)
class Watch:
    """Hooks around the statements of a migration that see what each one does.

    A statement outside of a transaction gets one of its own where it can: else nothing would be
    left to see.
    """

    steps: list[Step] = field(default_factory=list)
    effected: list[Effected] = field(default_factory=list)
    tables: dict[int, str] = field(default_factory=dict)
    parents: dict[int, int] = field(default_factory=dict)
    _before: State = field(default_factory=dict)
    _known: tuple[str, int] | None = None  # the transaction and the session that `_before` is of
    _timeout: int = 0
    _number: int = -1
    _wrapped: bool = False
    _transaction: str = ""

    def before(self, ask: Ask, sent: Sent) -> None:
        """Look at the session before a statement."""
        self._number += 1
        inside, begun, timeout, session = ask(_SESSION)[0]
        self._wrapped = sent.outside and not inside and _can_be_wrapped(sent.sql)
        if self._wrapped:
            ask("BEGIN")
        self._timeout = int(timeout)
        if self._known != (begun, session):
            self._before = look(ask)
        self._known = (begun, session)
        if self._number == 0:
            self._learn(ask)

    def _learn(self, ask: Ask) -> None:
        self.tables = {o: r.name for o, r in self._before.items() if r.kind in _TABLES}
        self.parents = {int(child): int(parent) for child, parent in ask(_PARENTS)}

    def after(self, ask: Ask, sent: Sent) -> None:
        """Look at it again, and note the difference."""
        if first_word(sent.sql) in _CONTROL or self._known is None:
            self._known = None
            return
        after = look(ask)
        if self._wrapped:
            ask("COMMIT")
        self._note(sent, after, self._known[0])
        self._before = after

    def _note(self, sent: Sent, after: State, transaction: str) -> None:
        observed = difference(self._before, after)
        old, new = self._strong(self._before), self._strong(after)
        if transaction != self._transaction:
            old = {}
        self._transaction = transaction
        taken = tuple(o for o in sorted(new) if o not in old)
        self.steps.append(
            Step(
                self._number, sent.place, sent.sql, new, taken, observed, self._timeout, transaction
            )
        )
        self.effected += self._effects(sent.place, after, observed)

    def _strong(self, state: State) -> dict[int, str]:
        """The tables of old that nobody can write, with the lock; dropped ones are left out."""
        locks = {o: strongest(state[o].modes) for o in self.tables if o in state}
        return {o: mode for o, mode in locks.items() if blocks_writes(mode)}

    def _effects(self, place: Place, after: State, seen: Observed) -> Iterator[Effected]:
        read = {s.table: s.rows for s in seen.scans}
        written = {s.table: s.rows for s in seen.written}
        for oid in sorted(self.tables):
            if oid not in self._before:
                continue
            was = self._before[oid].name  # what the statement's own text calls it
            name = after[oid].name if oid in after else was
            mode = strongest(seen.modes(name))
            if mode:
                counts = (read.get(name, 0), written.get(name, 0))
                yield Effected(place, was, mode, name in seen.rewritten, *counts)

    def root(self, oid: int) -> int:
        """The partitioned table that a table is a part of, else itself."""
        while oid in self.parents:
            oid = self.parents[oid]
        return oid


def _can_be_wrapped(sql: str) -> bool:
    return first_word(sql) not in _CONTROL | _ALONE and not _CANNOT.search(sql)


def shuts_out(mode: str) -> str:
    """Who has to wait for a strong lock."""
    return "nobody reads or writes" if blocks_reads(mode) else "nobody writes"
