"""Other words in the place of words: letter for letter of the same kind, case and length."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cache
from string import ascii_lowercase

from migsafe.sampling.numbers import Drawn

_CLUSTER = re.compile(r"\w[\u0300-\u036f]*|.", re.DOTALL)
_BLOCK = 128  # characters among which another letter of the same script is looked for
_TRIES = 400


@dataclass(slots=True)
class Words:
    """Maps words, the same ones always to the same, and different ones to different ones.

    What is equal but for case or normal form stays so. `taken` are words (in small letters) that
    must not come out.
    """

    drawn: Drawn
    taken: Collection[str] = ()
    _map: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _used: set[str] = field(default_factory=set)

    def other(self, word: str) -> str:
        """The word in the place of this one; characters of no alphabet stay."""
        clusters = _CLUSTER.findall(word)
        units = tuple(map(_unit, clusters))
        found = self._chosen("".join(units), units)
        return "".join(map(_dressed, clusters, found))

    def _chosen(self, word: str, units: tuple[str, ...]) -> tuple[str, ...]:
        if word not in self._map:
            self._map[word] = self._fresh(word, units)
            self._used.add("".join(self._map[word]))
        return self._map[word]

    def _fresh(self, word: str, units: tuple[str, ...]) -> tuple[str, ...]:
        for count in range(_TRIES):
            found = tuple(self._drawn(word, unit, count, at) for at, unit in enumerate(units))
            text = "".join(found)
            if text != word and text not in self._used and text not in self.taken:
                return found
        return units

    def _drawn(self, word: str, unit: str, count: int, at: int) -> str:
        pool = _pool(unit)
        return pool[self.drawn.number(word, count * 100_000 + at, len(pool))]


def canonical(text: str) -> str:
    """What texts share that are equal but for case and normal form."""
    return "".join(map(_unit, _CLUSTER.findall(text)))


def _unit(cluster: str) -> str:
    """The letter that a reader sees, in one spelling."""
    one = unicodedata.normalize("NFC", cluster)
    small = one.casefold()
    return small if len(small) == len(one) else one


def _dressed(cluster: str, unit: str) -> str:
    """The letter in the case and the normal form of the one whose place it takes."""
    if cluster != cluster.lower():
        unit = unit.upper()
    if len(cluster) > 1:
        return unicodedata.normalize("NFD", unit)
    return unit


@cache
def _pool(unit: str) -> str | tuple[str, ...]:
    """The letters of which one may stand for this one; itself where there is no other."""
    if unit in ascii_lowercase:
        return ascii_lowercase
    if len(unit) == 1 and len(unit.casefold()) != 1:
        return (unit,)  # ß and its like: their length in another case is what matters
    base, marks = unit[0], unit[1:]
    if not marks:
        split = unicodedata.normalize("NFD", unit)
        base, marks = split[0], split[1:]
    if base in ascii_lowercase and marks:
        found = (_with(letter, marks, len(unit)) for letter in ascii_lowercase)
        return tuple(c for c in found if len(c.encode()) == len(unit.encode())) or (unit,)
    return tuple(_like(unit)) or (unit,)


def _with(letter: str, marks: str, length: int) -> str:
    made = unicodedata.normalize("NFC", letter + marks)
    return made if len(made) == length else ""


def _like(unit: str) -> Iterator[str]:
    """Characters near by with the same properties."""
    if len(unit) != 1:
        return
    start = ord(unit) - ord(unit) % _BLOCK
    wanted = _properties(unit)
    yield from (c for c in map(chr, range(start, start + _BLOCK)) if _properties(c) == wanted)


def _properties(char: str) -> tuple[object, ...]:
    if 0xD800 <= ord(char) < 0xE000:
        return ("surrogate",)
    upper = char.upper()
    return (
        unicodedata.category(char),
        unicodedata.bidirectional(char),
        unicodedata.east_asian_width(char),
        len(char.encode()),
        char.casefold() == char,
        len(unicodedata.normalize("NFD", char)),
        unicodedata.normalize("NFC", char) == char,
        (len(upper), upper != char, upper.lower() == char, len(upper.encode())),
        char.isalpha(),
    )
