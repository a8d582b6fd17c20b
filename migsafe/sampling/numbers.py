"""Other whole numbers and days in the place of those that rows hold, in the same order."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import date

TRIVIAL = 1000
"""Numbers below stay: with so few digits they tell nothing about anybody."""

_MOMENTS = (946_684_800, 1_262_304_000, 1_893_456_000, 2_145_916_800)  # 2000, 2010, 2030, 2038
_BOUNDS = frozenset(
    {10**k for k in range(3, 20)}
    | {2**k + d for k in (10, 12, 15, 16, 20, 24, 31, 32, 53, 63, 64) for d in (-1, 0)}
    | {1900, 1970, 2000, 2038, 2100, 9999}
    | {m * unit for m in _MOMENTS for unit in (1, 1000, 1_000_000)}
)
"""Where classes of numbers begin: digits, bits, years, moments. They are nobody's own."""

_TRIES = 200


@dataclass(slots=True)
class Drawn:
    """Numbers that look random, always the same ones for a key and what they are drawn for."""

    key: bytes

    def number(self, what: str, count: int, below: int) -> int:
        """A number from 0 on; `count` tells one draw from the next."""
        text = f"{what}\0{count}".encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(text, key=self.key, digest_size=16).digest()
        return int.from_bytes(digest, "big") % below


@dataclass(slots=True)
class Numbers:
    """Maps whole numbers of four digits and more: in one order, and each to one of its class.

    `fixed` stay as they are, and nothing crosses them: what is compared with a literal of the
    migration is so still.
    """

    drawn: Drawn
    fixed: Collection[int] = ()
    known: set[int] = field(default_factory=set)
    _map: dict[int, int] = field(default_factory=dict)

    def learn(self, number: int) -> None:
        """Take note of a number, before any is asked for."""
        self.known.add(abs(number))

    def settle(self) -> None:
        """Choose the others, now that all numbers are known."""
        bounds = sorted(_BOUNDS | {n for n in self.fixed if n >= TRIVIAL})
        groups: dict[int, list[int]] = {}
        for number in sorted(self.known):
            if number >= TRIVIAL and number not in _BOUNDS and number not in self.fixed:
                groups.setdefault(bisect_right(bounds, number), []).append(number)
        for at, group in groups.items():
            low = bounds[at - 1] + 1 if at else TRIVIAL
            high = bounds[at] - 1 if at < len(bounds) else bounds[-1] * 10
            chosen = chosen_between(self.drawn, (low, high), group, self.known.__contains__)
            self._map.update(zip(group, chosen, strict=True))

    def other(self, number: int) -> int:
        """The number in the place of this one."""
        found = self._map.get(abs(number), abs(number))
        return found if number >= 0 else -found


def chosen_between(
    drawn: Drawn, limits: tuple[int, int], group: list[int], taken: Callable[[int], bool]
) -> list[int]:
    """As many numbers as the group has, ascending, within the limits, none that is `taken`.

    Where there is no room for them the group itself comes back.
    """
    low, high = limits
    found: set[int] = set()
    what = f"{low}-{high}"
    for count in range(len(group) * 4 + _TRIES):
        if len(found) == len(group):
            break
        number = low + drawn.number(what, count, high - low + 1)
        if not taken(number):
            found.add(number)
    for number in _free(low, high, len(group) * 4) if len(found) < len(group) else ():
        if len(found) < len(group) and not taken(number):
            found.add(number)
    return sorted(found) if len(found) == len(group) else group


def _free(low: int, high: int, most: int) -> Iterable[int]:
    return range(low, min(high, low + most) + 1)


# -- days -----------------------------------------------------------------------------------------

_BANDS = tuple(date(year, 1, 1).toordinal() for year in (1, 1900, 1970, 2000, 2038, 2100))
_LAST = date(9999, 12, 31).toordinal()
_NAMED = frozenset(
    date(*day).toordinal() for day in ((1, 1, 1), (1900, 1, 1), (1970, 1, 1), (9999, 12, 31))
)
"""Days that stand for "never" or "the beginning"."""


@dataclass(slots=True)
class Days:
    """Maps days: in one order, and to years that no row names where there are such."""

    drawn: Drawn
    known: set[int] = field(default_factory=set)
    _map: dict[int, int] = field(default_factory=dict)

    def learn(self, day: date) -> None:
        """Take note of a day, before any is asked for."""
        self.known.add(day.toordinal())

    def settle(self) -> None:
        """Choose the others, now that all days are known."""
        years = {date.fromordinal(d).year for d in self.known}
        groups: dict[int, list[int]] = {}
        for day in sorted(self.known - _NAMED):
            groups.setdefault(bisect_right(_BANDS, day), []).append(day)
        for at, group in groups.items():
            limits = (_BANDS[at - 1], _BANDS[at] - 1 if at < len(_BANDS) else _LAST)
            chosen = chosen_between(self.drawn, limits, group, _of_years(years))
            if chosen == group:
                chosen = chosen_between(self.drawn, limits, group, self.known.__contains__)
            self._map.update(zip(group, chosen, strict=True))

    def other(self, day: date) -> date:
        """The day in the place of this one."""
        number = day.toordinal()
        return date.fromordinal(self._map.get(number, number))


def _of_years(years: set[int]) -> Callable[[int], bool]:
    return lambda day: date.fromordinal(day).year in years


def is_named(day: date) -> bool:
    """Does the day stand for the beginning or the end of all days?"""
    return day.toordinal() in _NAMED


def is_bound(number: int) -> bool:
    """Is it the beginning or the end of a class of numbers, rather than somebody's?"""
    return abs(number) in _BOUNDS
