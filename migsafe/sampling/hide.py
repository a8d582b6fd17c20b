"""Hide the values of a failing database: all of them, or as many as the failure allows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from migsafe.model.content import Content, Value
from migsafe.model.migration import Dialect
from migsafe.model.seed import Fails, Hidden
from migsafe.sampling.mask import Mask, mask, masked, secrets
from migsafe.sampling.public import Public, public
from migsafe.sampling.ranks import ranked
from migsafe.sampling.value_classes import kept

_KEYS = 3
"""So many keys are tried: the failure may hang on which of two values comes first."""

_BUDGET = 60  # replays of the search column by column

Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Hiding:
    """What is nobody's secret, the key of the masks, and whether values may stay after all."""

    public: Public
    key: bytes
    keep_data: bool = False

    def hide(self, rows: tuple[Content, ...], fails: Fails) -> Hidden:
        """The rows with other values, which `fails` says still fail.

        Where the failure is lost with all values, it is kept with as many columns masked as can be;
        a column that needs its order more than its shape gets other values in the same order. The
        columns that are left are refused, and stay as they are.
        """
        everything = _columns(rows)
        for count in range(_KEYS):
            found = self._mask(rows, count)
            hidden = masked(found, rows, everything)
            if fails(hidden):
                return self._told(rows, hidden, ())
        search = _Search(rows, self._mask(rows, 0), fails)
        if not fails(rows):
            hidden = masked(search.mask, rows, everything)
            return replace(self._told(rows, hidden, ()), failure_kept=False)
        hidden, refused = search.run(everything)
        refused = tuple(p for p in refused if self._shows(rows, hidden, p))
        return self._told(rows, hidden, refused)

    def _mask(self, rows: tuple[Content, ...], count: int) -> Mask:
        key = hashlib.blake2b(self.key + bytes([count])).digest()
        return mask(rows, self.public, key)

    def _shows(self, rows: tuple[Content, ...], hidden: tuple[Content, ...], place: Place) -> bool:
        return originals_left(rows, hidden, self.public, place) > 0

    def _told(
        self, rows: tuple[Content, ...], hidden: tuple[Content, ...], refused: tuple[Place, ...]
    ) -> Hidden:
        changed = list(_changed(rows, hidden))
        left = originals_left(rows, hidden, self.public)
        still = {p for p in _columns(rows) if originals_left(rows, hidden, self.public, p)}
        return Hidden(
            hidden,
            columns=len(set(changed)),
            values=len(changed),
            classes_kept=kept(rows, hidden),
            originals_left=left,
            refused=tuple(sorted({*refused, *still})),
        )


def hiding(
    texts: Iterable[str], dialect: Dialect, secret: bytes, *, keep_data: bool = False
) -> Hiding:
    """Hide what is no literal of these texts, with a key that nobody has who lacks the `secret`.

    The bytes of the sample are such a secret, and give the same key in every run.
    """
    return Hiding(public(texts, dialect), hashlib.blake2b(secret).digest(), keep_data)


def _columns(rows: Sequence[Content]) -> tuple[Place, ...]:
    return tuple((c.table, name) for c in rows for name in c.columns if name not in c.fixed)


def _changed(before: Sequence[Content], after: Sequence[Content]) -> Iterator[Place]:
    for old, new in zip(before, after, strict=True):
        for was, now in zip(old.rows, new.rows, strict=True):
            for name, a, b in zip(old.columns, was, now, strict=True):
                if type(a) is not type(b) or a != b:
                    yield old.table, name


# -- column by column -----------------------------------------------------------------------------


@dataclass(slots=True)
class _Search:
    """Masks as many columns as the failure allows."""

    rows: tuple[Content, ...]
    mask: Mask
    fails: Fails
    left: int = _BUDGET

    def run(self, places: tuple[Place, ...]) -> tuple[tuple[Content, ...], tuple[Place, ...]]:
        """The rows, and the columns that stay as they are."""
        changing = [p for p in places if self._with(self.rows, (p,)) != self.rows]
        done = self._most(changing)
        hidden = self._with(self.rows, done)
        refused = []
        for place in (p for p in changing if p not in done):
            other = _in_order(hidden, place, self.mask)
            if self._try(other):
                hidden = other
            else:
                refused.append(place)
        return hidden, tuple(refused)

    def _most(self, places: list[Place]) -> list[Place]:
        """Columns that can be masked together: whole parts first, then halves of them."""
        done: list[Place] = []
        waiting = [places]
        while waiting:
            part = waiting.pop()
            if part and self._try(self._with(self.rows, [*done, *part])):
                done += part
            elif len(part) > 1:
                middle = len(part) // 2
                waiting += [part[middle:], part[:middle]]
        return done

    def _with(self, rows: tuple[Content, ...], places: Sequence[Place]) -> tuple[Content, ...]:
        return masked(self.mask, rows, places)

    def _try(self, rows: tuple[Content, ...]) -> bool:
        if not self.left:
            return False
        self.left -= 1
        return self.fails(rows)


def _in_order(rows: tuple[Content, ...], place: Place, found: Mask) -> tuple[Content, ...]:
    table, column = place
    return tuple(ranked(c, column, found.drawn) if c.table == table else c for c in rows)


# -- what is left ---------------------------------------------------------------------------------


def originals_left(
    before: Sequence[Content],
    after: Sequence[Content],
    known: Public,
    only: Place | None = None,
) -> int:
    """How many values of the rows can be found again, in whole or by a word, in the other rows.

    A part of at least six characters counts wherever it stands, a shorter one only as a word.
    `only`: of the values of this (table, column).
    """
    shown = {secret for value in _of(after, None) for secret in secrets(value, known)}
    text = "\0".join(sorted(shown))
    return sum(
        any(_found(secret, shown, text) for secret in secrets(value, known))
        for value in _of(before, only)
    )


_TELLING = 6


def _found(secret: str, shown: set[str], text: str) -> bool:
    return secret in shown or (len(secret) >= _TELLING and secret in text)


def _of(rows: Sequence[Content], only: Place | None) -> Iterator[Value]:
    for content in rows:
        for name in content.columns:
            if name not in content.fixed and only in {None, (content.table, name)}:
                yield from content.column(name)
