"""When two pieces of a schema mean the same although they are written differently."""

from __future__ import annotations

import re

from migsafe.model.migration import Dialect
from migsafe.model.schema import Column, ForeignKey, Schema, fold_name
from migsafe.sql.reader import normalised
from migsafe.sql.tokens import QUOTED, STRING, WORD, Token, tokenize

_AROUND_MARKS = re.compile(r"\s*([(),])\s*")
_SPACES = re.compile(r"\s+")


def same_text(a: str, b: str) -> bool:
    """Are these the same tokens, with names compared without case and quotes?"""
    return a == b or _meaning(a) == _meaning(b)


def _meaning(text: str) -> list[tuple[bool, str]]:
    return [_token(t) for t in tokenize(text, Dialect.SQLITE)]


def _token(token: Token) -> tuple[bool, str]:
    if token.kind in {WORD, QUOTED}:
        return True, fold_name(token.name)
    return False, token.text if token.kind == STRING else token.text.lower()


def type_key(type_: str) -> str:
    """A declared type without case and needless spaces."""
    spaced = _SPACES.sub(" ", type_.strip())
    return _AROUND_MARKS.sub(r"\1", spaced).upper()


def default_key(default: str | None) -> str:
    """What a DEFAULT clause gives, spelt in one way; "" for none and for NULL.

    Brackets around it do not count. A lone name in double quotes or none is text in this place
    (lang_createtable.html#dfltval).
    """
    tokens = tokenize(default or "", Dialect.SQLITE)
    text = normalised(tokens)
    inner = tokenize(text, Dialect.SQLITE)
    if len(inner) != 1:
        return text
    word = inner[0].upper
    if word == "NULL":
        return ""
    bare = word in {"TRUE", "FALSE", "CURRENT_TIME", "CURRENT_DATE", "CURRENT_TIMESTAMP"}
    if bare or inner[0].kind not in {WORD, QUOTED}:
        return word or text
    return _quoted(next(t for t in tokens if t.text not in "()").name)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def collation_key(column: Column) -> str:
    """A column's collation; BINARY is the default."""
    return column.collation.upper() or "BINARY"


def foreign_key_key(key: ForeignKey, schema: Schema) -> tuple[str, tuple[tuple[str, str], ...]]:
    """What a foreign key ties together: the parent, and pairs of child and parent column.

    Without parent columns it means the parent's primary key (foreignkeys.html, section 4).
    """
    parent = schema.table(key.ref_table)
    named = key.ref_columns or (parent.primary_key if parent else ())
    if len(named) != len(key.columns):
        named = ("",) * len(key.columns)
    pairs = zip(map(fold_name, key.columns), map(fold_name, named), strict=True)
    return fold_name(key.ref_table), tuple(sorted(pairs))
