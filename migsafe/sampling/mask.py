"""Replace the values of rows by others of the same classes; equal values stay equal everywhere.

Letters become letters of the same case and script, digits digits; a number keeps its length and
its place among the others, a day stays a day, JSON stays JSON. What stands between them stays, and
so do numbers and groups of digits that are too short to tell anything. The others are drawn from a
keyed hash: without the key nothing leads back from them but their shape.
"""

from __future__ import annotations

import calendar
import json
import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from migsafe.model.content import Content, Row, Value
from migsafe.sampling.numbers import TRIVIAL, Days, Drawn, Numbers, is_bound, is_named
from migsafe.sampling.pieces import (
    ADDRESS,
    BITS,
    DAY,
    ESCAPE,
    FRACTION,
    HEX,
    KEPT,
    NUMBER,
    SYMBOL,
    TIME,
    WORD,
    Piece,
    compact_day,
    day_of,
    pieces,
)  # fmt: skip
from migsafe.sampling.public import Public
from migsafe.sampling.words import Words, canonical

SHORT = 4
"""Values of fewer letters and digits are trivial: they tell nothing about anybody."""

_LONGEST = 18  # digits of a number that is mapped as such
_MAGIC = re.compile(
    rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff|GIF8[79]a|PK\x03\x04|\x1f\x8b|bplist00|%PDF"
    rb"|SQLite format 3\x00"
)


@dataclass(slots=True)
class Mask:
    """Knows for every value the one in its place, once it has learnt all of them."""

    public: Public
    drawn: Drawn
    numbers: Numbers
    days: Days
    words: Words
    strings: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def value(self, value: Value) -> Value:
        """The value in the place of this one."""
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int):
            return self._whole(value)
        if isinstance(value, float):
            return self._real(value)
        if isinstance(value, Decimal):
            return Decimal(self.text(format(value, "f"))) if value.is_finite() else value
        return self._bytes(value) if isinstance(value, bytes) else self.text(value)

    # -- text ------------------------------------------------------------------------------------

    def text(self, text: str) -> str:
        """The text in the place of this one."""
        found = list(pieces(text, self.public))
        many = sum(len(p.text) for p in found if p.kind in {NUMBER, FRACTION}) >= SHORT
        long = many and not any(_is_long(p) for p in found if p.kind in {NUMBER, FRACTION})
        whole = text if long else ""
        made = "".join(self._piece(p, f"{whole}\0{at}" if whole else "")
                       for at, p in enumerate(found))  # fmt: skip
        if made == text and is_telling(text) and any(p.kind != KEPT for p in found):
            made = "".join(self._forced(p, f"{text}\0{at}") for at, p in enumerate(found))
        return made if _parses(made) or not _parses(text) else text

    def _piece(self, piece: Piece, salt: str) -> str:
        kind, text = piece
        if kind == WORD:
            return self.words.other(text) if len(text) > 1 else text
        if kind == NUMBER:
            return self._digits(text, salt)
        if kind == FRACTION:
            return self._fraction(text, salt)
        if kind == DAY:
            return self._day(text)
        if kind == TIME:
            return self._time(text)
        return self._other(kind, text)

    def _other(self, kind: str, text: str) -> str:
        if kind == HEX:
            return self._hex(text)
        if kind == BITS:
            return text[0] + self._string(text, "01")[1:]
        if kind == ADDRESS:
            return ".".join(self._octet(part, text) for part in text.split("."))
        if kind == ESCAPE:
            return self._escaped(text)
        return self._symbol(text) if kind == SYMBOL else text

    def _forced(self, piece: Piece, salt: str) -> str:
        """Single letters and short numbers, where there are many of them."""
        if piece.kind == WORD:
            return self.words.other(piece.text)
        return self._piece(piece, salt)

    def _digits(self, text: str, salt: str) -> str:
        bare = text.lstrip("0")
        zeros = text[: len(text) - len(bare)]
        if SHORT <= len(bare) <= _LONGEST:
            return zeros + str(self._whole(int(bare)))
        if bare and (len(bare) > _LONGEST or salt):
            return zeros + self._run(bare, salt or bare)
        return text

    def _run(self, text: str, salt: str) -> str:
        """Digits, the first of them not 0."""
        for count in range(20):
            start = 10 ** (len(text) - 1)
            made = str(start + self.drawn.number(f"{salt}#{text}", count, 9 * start))
            if made != text:
                return made
        return text

    def _fraction(self, text: str, salt: str) -> str:
        before, _, after = text.partition(".")
        if len(text) <= SHORT and not salt and len(before.lstrip("0") + after) < SHORT:
            return text
        digits = after.rstrip("0")
        if digits:
            made = self._string(f"{before}.{digits}", "0123456789", len(digits))
            last = made[-1] if made[-1] != "0" else "7"
            digits = made[:-1] + last
        return f"{self._digits(before, '')}.{digits}{'0' * (len(after) - len(digits))}"

    def _string(self, text: str, letters: str, length: int = 0) -> str:
        """Letters of those given, another string for another text."""
        length = length or len(text)
        if text not in self.strings:
            tries = (self._drawn(text, letters, length, count) for count in range(50))
            start = text[:-length]
            free = (made for made in tries if made not in text and start + made not in self.used)
            self.strings[text] = next(free, self._drawn(text, letters, length, 0))
            self.used.add(start + self.strings[text])
        return self.strings[text]

    def _drawn(self, text: str, letters: str, length: int, count: int) -> str:
        base = len(letters)
        number = self.drawn.number(f"{letters}:{text}", count, base**length)
        return "".join(letters[number // base**at % base] for at in range(length))

    def _hex(self, text: str) -> str:
        """Digits for digits, letters for letters; the version of a UUID stays (RFC 9562, 4.1)."""
        small = text.lower()
        made = []
        for at, char in enumerate(small):
            letters = "0123456789" if char.isdigit() else "abcdef"
            number = self.drawn.number(small, at, len(letters))
            fixed = not char.isalnum() or char == "0" or ("-" in text and at in {14, 19})
            made.append(char if fixed else letters[number])
        shown = "".join(made)
        return "".join(m.upper() if c.isupper() else m for m, c in zip(shown, text, strict=True))

    def _octet(self, part: str, whole: str) -> str:
        low = 10 ** (len(part) - 1) if len(part) > 1 else 0
        high = min(10 ** len(part), 255)
        if int(part) in {0, 255} or len(part) != len(str(int(part))) or int(part) > 255:
            return part
        return str(low + self.drawn.number(f"{whole}.{part}", 0, high - low))

    def _escaped(self, text: str) -> str:
        made = self.words.other(chr(int(text[2:], 16)))
        if len(made) != 1 or ord(made) > 0xFFFF:
            return text
        return f"\\u{ord(made):04X}" if text[2:].isupper() else f"\\u{ord(made):04x}"

    def _symbol(self, text: str) -> str:
        if "\udc80" <= text <= "\udcff":
            return chr(0xDCF5 + self.drawn.number(text, 0, 11))  # bytes that are never UTF-8
        return self.words.other(text)

    # -- moments ---------------------------------------------------------------------------------

    def _day(self, text: str) -> str:
        day = day_of(text)
        if day is None:
            return self._no_day(text)
        other = self.days.other(day)
        if "-" in text:
            return other.isoformat()
        leap = (day.month, day.day) == (2, 29)
        year = next(y for y in range(other.year, other.year + 9) if calendar.isleap(y) or not leap)
        return f"{text[:-4]}{year:04}"

    def _no_day(self, text: str) -> str:
        """A day that does not exist stays one: only its year changes."""
        if text[:4] == "0000" or text[-4:] == "0000" or "-" not in text:
            return text
        year = int(text[:4])
        return f"{self.days.other(date(year, 1, 1)).year:04}{text[4:]}" if year else text

    def _time(self, text: str) -> str:
        """Midnight stays; a time that does not exist does, too."""
        parts = [int(n) for n in re.split("[:.]", text)[:3]]
        if not any(parts) or any(n >= most for n, most in zip(parts, (24, 60, 60), strict=False)):
            return text
        limits = (24, 60, 60)
        made = [self.drawn.number(f"time {text}", at, limits[at]) for at in range(len(parts))]
        if len(parts) > 2 and parts[2] == 0:
            made[2] = 0
        rest = text.partition(".")[2]
        end = f".{self._string(f'.{rest}', '0123456789', len(rest))}" if rest.strip("0") else ""
        zeros = f".{rest}" if rest and not end else ""
        return ":".join(f"{n:02}" for n in made) + end + zeros

    # -- numbers and bytes -----------------------------------------------------------------------

    def _whole(self, value: int) -> int:
        day = compact_day(value)
        if day is None:
            return self.numbers.other(value)
        other = int(self.days.other(day).strftime("%Y%m%d"))
        return other if value > 0 else -other

    def _real(self, value: float) -> float:
        if not math.isfinite(value):
            return value
        if value.is_integer() and abs(value) < 2**53:
            return float(self._whole(int(value)))
        text = repr(value)
        mantissa, mark, exponent = text.partition("e")
        sign, bare = ("-", mantissa[1:]) if mantissa[:1] == "-" else ("", mantissa)
        made = self._fraction(bare, "") if "." in bare else self._digits(bare, "")
        return float(f"{sign}{made}{mark}{exponent}")

    def _bytes(self, value: bytes) -> bytes:
        if _is_text(value):
            return self.text(value.decode()).encode()
        start = _magic(value)
        if len(value) - start < SHORT:
            return value
        what = value.hex()
        return value[:start] + bytes(
            self._byte(byte, what, at) for at, byte in enumerate(value[start:])
        )

    def _byte(self, byte: int, what: str, at: int) -> int:
        """Zeros stay, and each byte stays on its side of 128."""
        low, high = (128, 256) if byte >= 128 else (1, 128)
        return low + self.drawn.number(what, at, high - low) if byte else 0


def _is_text(value: bytes) -> bool:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return False
    return all(c.isprintable() or c.isspace() for c in text)


def _magic(value: bytes) -> int:
    """How many bytes say which format it is."""
    found = _MAGIC.match(value)
    return found.end() if found else 0


def _parses(text: str) -> bool:
    if text.lstrip()[:1] not in {"{", "[", '"'}:
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_long(piece: Piece) -> bool:
    return len(piece.text.lstrip("0")) >= SHORT


def is_telling(text: str) -> bool:
    """Has the text more letters and digits than a trivial one?"""
    return sum(map(str.isalnum, text)) >= SHORT


# -- learning -------------------------------------------------------------------------------------


def mask(contents: Iterable[Content], public: Public, key: bytes) -> Mask:
    """The mask for these rows. The same rows, literals and key give the same mask."""
    drawn = Drawn(key[:64])
    found = Mask(public, drawn, Numbers(drawn, public.numbers), Days(drawn), Words(drawn))
    taken: set[str] = set(public.words)
    for value in _values(contents):
        _learn(found, value, taken)
    found.words.taken = taken
    found.numbers.settle()
    found.days.settle()
    return found


def _values(contents: Iterable[Content]) -> Iterator[Value]:
    for content in contents:
        for row in content.rows:
            yield from row


def _learn(found: Mask, value: Value, taken: set[str]) -> None:
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int):
        _learn_number(found, value)
    elif isinstance(value, float):
        if math.isfinite(value):
            _learn_number(found, int(value) if abs(value) < 2**53 else 0)
    else:
        for piece in pieces(_as_text(value), found.public):
            _learn_piece(found, piece, taken)


def _learn_number(found: Mask, number: int) -> None:
    day = compact_day(number)
    if day is None:
        found.numbers.learn(number)
    else:
        found.days.learn(day)


def _as_text(value: Value) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _learn_piece(found: Mask, piece: Piece, taken: set[str]) -> None:
    if piece.kind == WORD:
        taken.add(canonical(piece.text))
    elif piece.kind in {NUMBER, FRACTION}:
        bare = piece.text.partition(".")[0].lstrip("0")
        if SHORT <= len(bare) <= _LONGEST:
            _learn_number(found, int(bare))
    elif piece.kind == DAY:
        year = int(piece.text[:4]) if "-" in piece.text else 0
        day = day_of(piece.text) or (date(year, 1, 1) if year else None)
        if day is not None:
            found.days.learn(day)


def masked(found: Mask, contents: Iterable[Content], columns: Collection[tuple[str, str]]
           ) -> tuple[Content, ...]:  # fmt: skip
    """The rows with other values in these (table, column) pairs."""
    by_table: dict[str, set[str]] = defaultdict(set)
    for table, column in columns:
        by_table[table].add(column)
    return tuple(_masked(found, content, by_table[content.table]) for content in contents)


def _masked(found: Mask, content: Content, columns: set[str]) -> Content:
    hidden = [c in columns and c not in content.fixed for c in content.columns]

    def row_of(row: Row) -> Row:
        pairs = zip(row, hidden, strict=True)
        return tuple(found.value(value) if hide else value for value, hide in pairs)

    return replace(content, rows=tuple(map(row_of, content.rows)))


def secrets(value: Value, public: Public) -> Iterator[str]:
    """What of a value must not be found again, in small letters: its words, numbers and keys."""
    if isinstance(value, (bool, int)):
        if abs(value) >= TRIVIAL and not is_bound(value) and abs(value) not in public.numbers:
            yield str(abs(value))
        return
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return
    if isinstance(value, bytes) and not _is_text(value):
        rest = value[_magic(value) :]
        if len(rest) >= SHORT and any(rest):
            yield rest.hex()
        return
    text = repr(value) if isinstance(value, float) else _as_text(value)
    found = [p for p in pieces(text, public) if p.kind not in {KEPT, TIME, SYMBOL, ESCAPE}]
    found = [p for p in found if not _is_anybodys(p)]
    for piece in found:
        if is_telling(piece.text.lstrip("0")):
            yield canonical(piece.text)
    if found and is_telling(text):
        yield canonical(text)


def _is_anybodys(piece: Piece) -> bool:
    number = piece.text.lstrip("0")
    if piece.kind == DAY:
        day = day_of(piece.text)
        return day is None or is_named(day)
    return not number or (number.isdecimal() and is_bound(int(number[:40])))
