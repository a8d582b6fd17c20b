"""The classes that a value is in: what a migration may stumble over, whoever's value it is."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from migsafe.model.content import Content, Value
from migsafe.sampling.numbers import TRIVIAL
from migsafe.sampling.pieces import day_of
from migsafe.sampling.words import canonical

Classes = tuple[object, ...]

_SHAPES = (
    re.compile(r"[+-]?\d+"),
    re.compile(r"[+-]?\d+\.\d+"),
    re.compile(r"[+-]?\d+(\.\d+)?[eE][+-]?\d+"),
    re.compile(r"0\d+"),
    re.compile(r"\d{4}-\d{2}-\d{2}"),
    re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*"),
    re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    re.compile(r"\w+://\S+"),
    re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"),
    re.compile(r"(?=.*\d)(?=.*[A-Fa-f])[0-9A-Fa-f]{6,}"),
)
_ESCAPED = re.compile(r"\\u[0-9A-Fa-f]{4}")
_BITS = (8, 16, 31, 32, 53, 63, 64)


def classes(value: Value) -> Classes:
    """The classes of a value, to be compared with those of another."""
    if value is None or isinstance(value, bool):
        return (repr(value),)
    if isinstance(value, int):
        return ("whole", *_whole(value))
    if isinstance(value, (float, Decimal)):
        return ("number", *_number(value))
    if isinstance(value, bytes):
        return ("bytes", len(value), not any(value), _is_text(value))
    return ("text", *_text(value))


def _whole(value: int) -> Classes:
    size = abs(value)
    bits = tuple(size >= 2**n for n in _BITS)
    return value < 0, len(str(size)), bits, size if size < TRIVIAL else None


def _number(value: float | Decimal) -> Classes:
    if not math.isfinite(value):
        return (str(value),)
    text = format(value, "f") if isinstance(value, Decimal) else repr(value)
    mantissa, _, exponent = text.lower().partition("e")
    before, _, after = mantissa.partition(".")
    return value < 0, len(before), len(after), exponent, value == int(value)


def _is_text(value: bytes) -> bool:
    try:
        return value.decode().isprintable()
    except UnicodeDecodeError:
        return False


def _text(text: str) -> Classes:
    return (
        len(text),
        len(text.encode("utf-8", "surrogateescape")),
        _shape(text),
        len(text) - len(text.lstrip()),
        len(text) - len(text.rstrip()),
        len(text.casefold()),
        tuple(unicodedata.is_normalized(form, text) for form in ("NFC", "NFD")),
        tuple(bool(shape.fullmatch(text)) for shape in _SHAPES),
        _leading_zeros(text),
        _day(text),
        _json(text),
    )


def _shape(text: str) -> str:
    """Small letters as a, capitals as A, digits as 9, and everything else as it is."""
    return "".join(map(_sort, _ESCAPED.sub("~", text)))


def _sort(char: str) -> str:
    if char.isdecimal():
        return "9"
    if char.isalpha():
        return "A" if char.isupper() else "a" if char.islower() else "x"
    return "\udcff" if "\udc80" <= char <= "\udcff" else "+" if ord(char) > 0xFFFF else char


def _leading_zeros(text: str) -> int:
    bare = text.strip().lstrip("+-")
    return len(bare) - len(bare.lstrip("0")) if bare.isdecimal() else 0


def _day(text: str) -> bool | None:
    """Does a text that begins like a day begin with one that exists?"""
    start = text[:10]
    return day_of(start) is not None if _SHAPES[4].fullmatch(start) else None


def _json(text: str) -> str:
    """The types in a JSON text; "" for what is none, "broken" for what would be one."""
    if text.lstrip()[:1] not in {"{", "["}:
        return ""
    try:
        return _types(json.loads(text))
    except (ValueError, RecursionError):
        return "broken"


def _types(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(map(_types, value.values())) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_types, value)) + "]"
    return type(value).__name__


# -- equality -------------------------------------------------------------------------------------


def _exact(value: Value) -> object:
    return value


def _without_case(value: Value) -> object:
    return value.casefold() if isinstance(value, str) else value


def _trimmed(value: Value) -> object:
    return value.strip() if isinstance(value, str) else value


def _loosely(value: Value) -> object:
    return canonical(value.strip()) if isinstance(value, str) else value


_SAME: tuple[Callable[[Value], object], ...] = (_exact, _without_case, _trimmed, _loosely)


def kept(before: Sequence[Content], after: Sequence[Content]) -> tuple[int, int]:
    """How many values stayed in their class, and equal to the same others, and of how many.

    Both have the same tables with the same rows.
    """
    pairs = [pair for b, a in zip(before, after, strict=True) for pair in _pairs(b, a)]
    odd = set().union(*(_parted(pairs, same) for same in _SAME)) if pairs else set()
    good = sum(at not in odd and classes(b) == classes(a) for at, (b, a) in enumerate(pairs))
    return good, len(pairs)


def _pairs(before: Content, after: Content) -> Iterable[tuple[Value, Value]]:
    for old, new in zip(before.rows, after.rows, strict=True):
        yield from zip(old, new, strict=True)


def _parted(pairs: list[tuple[Value, Value]], same: Callable[[Value], object]) -> set[int]:
    """The positions where what was equal is not so any more, or is equal to something else."""
    there: dict[object, object] = {}
    back: dict[object, object] = {}
    odd: set[int] = set()
    for at, (old, new) in enumerate(pairs):
        was, now = (type(old), same(old)), (type(new), same(new))
        if there.setdefault(was, now) != now or back.setdefault(now, was) != was:
            odd.add(at)
    return odd
