"""Read what CREATE and ALTER TABLE of MySQL and MariaDB say about partitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from migsafe.model.migration import Operation
from migsafe.sql import mysql_parts as parts
from migsafe.sql.reader import Reader, UnreadError, separated
from migsafe.sql.tokens import Token

Actions = tuple[Operation, ...]


def by(reader: Reader) -> tuple[str, tuple[str, ...]]:
    """PARTITION BY ..: how, as normalised text, and the names of the partitions listed."""
    reader.expect("PARTITION", "BY")
    start = reader.at
    reader.accept("LINEAR")
    word = reader.name().upper()
    if word == "SYSTEM_TIME":
        reader.until("PARTITIONS", "SUBPARTITION", "(")
    else:
        reader.accept("COLUMNS")
        if reader.accept("ALGORITHM", "="):
            reader.next()
        reader.group()
    how = parts.joined(parts.since(reader, start))
    _count(reader, "PARTITIONS")
    if reader.accept("SUBPARTITION", "BY"):
        reader.until("(")
        reader.group()
        _count(reader, "SUBPARTITIONS")
    return how, names(reader.group()) if reader.peek() == "(" else ()


def _count(reader: Reader, word: str) -> None:
    if reader.accept(word):
        parts.number(reader)
    reader.accept("AUTO")


def names(tokens: Sequence[Token]) -> tuple[str, ...]:
    """The names in a list of partition definitions."""
    terms = separated(tokens)
    if any(len(t) < 2 or t[0].upper != "PARTITION" for t in terms):
        raise UnreadError("PARTITION and a name expected")
    return tuple(t[1].name for t in terms)


def listed(reader: Reader) -> str:
    """The partitions named, with commas, or ALL."""
    if reader.accept("ALL"):
        return "ALL"
    found = [reader.name()]
    while reader.peek() == "," and reader.peek(1) not in {"ALGORITHM", "LOCK"}:
        reader.next()
        found.append(reader.name())
    return ",".join(found)


def add(reader: Reader, common: Operation) -> Actions:
    """ADD PARTITION: names, or how many more of them."""
    reader.expect("PARTITION")
    common = replace(common, name="add partition", if_not_exists=reader.if_not_exists())
    words = _binlog(reader)
    if reader.accept("PARTITIONS"):
        return (replace(common, value=parts.number(reader), options=words),)
    found = names(reader.group())
    return (replace(common, value=",".join(found), options=words),)


def _binlog(reader: Reader) -> tuple[str, ...]:
    word = reader.accept_any("NO_WRITE_TO_BINLOG", "LOCAL").lower()
    return (word,) if word else ()


def repartition(reader: Reader, common: Operation) -> Actions:
    """PARTITION BY as an action of ALTER TABLE."""
    how, found = by(reader)
    words = (f"partitions={','.join(found)}",) if found else ()
    return (replace(common, name="partition by", value=how, options=words),)


def remove(reader: Reader, common: Operation) -> Actions:
    """REMOVE PARTITIONING."""
    reader.expect("REMOVE", "PARTITIONING")
    return (replace(common, name="remove partitioning"),)


def within(reader: Reader, common: Operation) -> Actions:
    """TRUNCATE, ANALYZE, CHECK, ... PARTITION names."""
    word = reader.next().upper.lower()
    reader.expect("PARTITION")
    words = _binlog(reader)
    value = parts.number(reader) if word == "coalesce" else listed(reader)
    while option := reader.accept_any("QUICK", "EXTENDED", "FAST", "MEDIUM", "CHANGED", "USE_FRM"):
        words = (*words, option.lower())
    return (replace(common, name=f"{word} partition", value=value, options=words),)


def reorganize(reader: Reader, common: Operation) -> Actions:
    """REORGANIZE PARTITION names INTO (definitions)."""
    reader.expect("REORGANIZE", "PARTITION")
    words = _binlog(reader)
    old = listed(reader) if reader and reader.peek() != "INTO" else ""
    if reader.accept("INTO"):
        words = (*words, f"into={','.join(names(reader.group()))}")
    return (replace(common, name="reorganize partition", value=old, options=words),)


def exchange(reader: Reader, common: Operation) -> Actions:
    """EXCHANGE PARTITION name WITH TABLE other."""
    reader.expect("EXCHANGE", "PARTITION")
    name = reader.name()
    reader.expect("WITH", "TABLE")
    other = reader.relation()
    validation = reader.words(("WITH", "VALIDATION"), ("WITHOUT", "VALIDATION")).lower()
    return (
        replace(
            common,
            name="exchange partition",
            value=name,
            sources=(other,),
            options=(validation,) if validation else (),
        ),
    )
