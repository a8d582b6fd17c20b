"""What a pattern asks for: SQL conditions, and what its metavariables stand for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from migsafe.rules.pattern_text import REST


def literal(text: str) -> str:
    """The text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class Match:
    """Conditions and joins on the facts, and for each metavariable the SQL of its value.

    `words` maps the words that stand in for metavariables to their names.
    """

    words: Mapping[str, str]
    conditions: list[str] = field(default_factory=list)
    joins: list[str] = field(default_factory=list)
    bound: dict[str, str] = field(default_factory=dict)

    def is_rest(self, text: str) -> bool:
        """Does `$...` stand here, and nothing else?"""
        return self.words.get(text.strip("'\"`").lower()) == REST

    def holds(self, text: str) -> bool:
        """Does a metavariable stand somewhere in this text?"""
        return any(word in text.lower() for word in self.words)

    def text(self, column: str, told: str) -> None:
        """Ask that the column says what is told; blanks and the case of letters do not count."""
        pieces = list(self._pieces(told))
        if len(pieces) == 3 and not pieces[0] and not pieces[2]:
            self._bind(pieces[1], column)
            self.conditions.append(f"{column} <> ''")
            return
        said = _squeezed(column)
        if len(pieces) == 1:
            self.conditions.append(f"lower({said}) = {literal(' '.join(told.split()).lower())}")
            return
        texts = [_like(" ".join(p.split(" "))) for p in pieces[::2]]
        self.conditions.append(f"{said} LIKE {literal('%'.join(texts))} ESCAPE '^'")
        self._bind_parts(said, pieces)

    def _pieces(self, told: str) -> Iterator[str]:
        """Text, metavariable, text, ... text."""
        pattern = "|".join(rf"'{w}'|(?<!\w){w}(?!\w)" for w in self.words) or r"(?!)"
        done = 0
        for match in re.finditer(pattern, told, re.IGNORECASE):
            yield re.sub(r"\s+", " ", told[done : match.start()])
            yield self.words[match.group().strip("'").lower()]
            done = match.end()
        yield re.sub(r"\s+", " ", told[done:])

    def _bind_parts(self, said: str, pieces: list[str]) -> None:
        """Each metavariable reaches to the text behind it; the last one to the text's end."""
        left = f"substr({said}, {len(pieces[0]) + 1})"
        for at in range(1, len(pieces), 2):
            behind = pieces[at + 1]
            last = at + 2 == len(pieces)
            end = f"length({left}) - {len(behind)}"
            if not last:
                end = f"instr(lower({left}), {literal(behind.lower())}) - 1"
            self._bind(pieces[at], f"substr({left}, 1, {end})")
            left = f"substr({left}, {end} + {len(behind) + 1})"

    def _bind(self, name: str, value: str) -> None:
        if name == REST:
            return
        if name in self.bound:
            self.conditions.append(f"lower({self.bound[name]}) = lower({value})")
        else:
            self.bound[name] = value


def _squeezed(column: str) -> str:
    """The column with each run of blanks (of up to eight) as one space."""
    said = f"replace(replace({column}, char(10), ' '), char(9), ' ')"
    for _ in range(3):
        said = f"replace({said}, '  ', ' ')"
    return said


def _like(text: str) -> str:
    return re.sub(r"([%_^])", r"^\1", text)
