"""What is nobody's secret: the literals of the migrations and of the schema, and common words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from migsafe.model.migration import Dialect
from migsafe.sql.tokens import NUMBER, QUOTED, STRING, tokenize, unquoted

_WORDS = """
    null none nil nan inf infinity undefined true false yes no on off
    http https ftp file content data mailto www com org net html json xml utf
    amp lt gt quot apos nbsp year years mon mons day days hour hours min mins sec secs
"""
COMMON = frozenset(_WORDS.split())
"""Words that say what kind of value it is; not who it belongs to."""

_WILD = re.compile(r"[%_*?]+")
_WORD = re.compile(r"[^\W_]+")
_DIGITS = re.compile(r"(?<!\d)[0-9]{4,19}(?!\d)")
_SHORTEST = 3  # characters of a part of a literal that is looked for within values
_BODY = re.compile(r"(?i:e|u&|n)?(['\"`])|\$\w*\$")
_DEPTH = 3  # a statement in a function's body in a statement


@dataclass(frozen=True, slots=False)
class Public:
    """The literals of SQL texts, as values."""

    literals: frozenset[str] = frozenset()

    @cached_property
    def whole(self) -> frozenset[str]:
        """The literals as they are compared with whole values."""
        return frozenset(text.strip().casefold() for text in self.literals)

    @cached_property
    def words(self) -> frozenset[str]:
        """The words in literals, and those that everybody uses."""
        return COMMON | {w.casefold() for text in self.literals for w in _WORD.findall(text)}

    @cached_property
    def parts(self) -> re.Pattern[str] | None:
        """Finds what literals may ask for within a value: LIKE 'http://%', replace(c, 'old', '').

        None where there is nothing to look for.
        """
        found = {part for text in self.literals for part in _WILD.split(text)}
        long = (p for p in found if len(p) >= _SHORTEST and any(map(str.isalpha, p)))
        ordered = sorted(long, key=lambda p: (-len(p), p))
        return re.compile("|".join(map(re.escape, ordered)), re.IGNORECASE) if ordered else None

    @cached_property
    def numbers(self) -> frozenset[int]:
        """The whole numbers in literals."""
        return frozenset(int(n) for text in self.literals for n in _DIGITS.findall(text))


def public(texts: Iterable[str], dialect: Dialect) -> Public:
    """The literals of these texts: SQL, or program code with SQL in it."""
    return Public(frozenset(literal for text in texts for literal in _literals(text, dialect)))


def _literals(text: str, dialect: Dialect, depth: int = 0) -> Iterator[str]:
    for token in tokenize(text, dialect):
        if token.kind == NUMBER:
            yield token.text
        elif token.kind in {STRING, QUOTED}:
            inner = _inner(token.text)
            yield inner
            if depth < _DEPTH and "'" in inner:
                yield from _literals(inner, dialect, depth + 1)


def _inner(text: str) -> str:
    opening = _BODY.match(text)
    if opening is None or text[0] in "'\"`[":
        return unquoted(text)
    if opening[1]:
        return unquoted(text[opening.end() - 1 :])
    return text[opening.end() : -len(opening[0])]
