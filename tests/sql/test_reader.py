"""The cursor that the readers of statements are written with."""

from __future__ import annotations

import pytest

from migsafe.model.migration import Dialect
from migsafe.sql.reader import Reader, UnreadError, first_outside, normalised, separated
from migsafe.sql.tokens import tokenize


def reader(sql: str, dialect: Dialect = Dialect.SQLITE) -> Reader:
    return Reader(sql, dialect)


def test_words_are_stepped_over_only_where_they_come_next():
    at = reader("IF NOT EXISTS t")
    assert not at.if_exists()
    assert at.if_not_exists()
    assert at.peek() == "T"
    assert at.peek(1) == ""
    assert at.accept_any("A", "B") == ""
    assert at.accept_any("A", "T") == "T"
    assert not at


def test_phrases():
    at = reader("SET NULL CASCADE")
    phrases = (("SET", "DEFAULT"), ("SET", "NULL"), ("CASCADE",))
    assert [at.words(*phrases) for _ in range(3)] == ["SET NULL", "CASCADE", ""]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [("t", ("", "t")), ("main.\"t u\"", ("main", "t u")), ("'t' . [x]", ("t", "x"))],
)  # fmt: skip
def test_qualified_names(sql, expected):
    assert reader(sql).qualified() == expected


@pytest.mark.parametrize("sql", ["", "1", ",", "select", ":a"])
def test_what_is_no_name(sql):
    with pytest.raises(UnreadError):
        reader(sql).name()


def test_words_that_sqlite_reserves_may_name_things_elsewhere():
    with pytest.raises(UnreadError):
        reader("index").name()
    assert reader("index", Dialect.POSTGRES).name() == "index"


def test_groups_and_terms():
    at = reader("(a, (b, c), ')') d")
    assert [at.source(term) for term in at.terms()] == ["a", "(b, c)", "')'"]
    assert at.source(at.rest()) == "d"
    with pytest.raises(UnreadError):
        reader("(a, (b)").group()


def test_the_end_of_a_statement():
    reader("").end()
    with pytest.raises(UnreadError, match="x is not expected"):
        reader("x").end()


def test_until_a_word_outside_brackets():
    at = reader("a IS DISTINCT FROM b, (SELECT 1 FROM c) FROM d")
    assert at.source(at.until("FROM")) == "a IS DISTINCT FROM b, (SELECT 1 FROM c)"
    assert at.source(at.until("WHERE")) == "FROM d"


def test_first_outside_counts_from_its_start():
    tokens = tokenize("a ON (ON) ON", Dialect.SQLITE)
    assert first_outside(tokens, ("ON",)) == 1
    assert first_outside(tokens, ("ON",), 2) == 5
    assert first_outside(tokens, ("OFF",)) is None


def test_lines_count_from_the_first_line():
    at = Reader("a\n\nb", Dialect.SQLITE, 5)
    assert (at.line(), at.line(at.tokens[1])) == (5, 7)
    at.rest()
    assert at.line() == 5


@pytest.mark.parametrize(
    ("sql", "expected"),
    [("", []), ("a", ["a"]), ("a, b", ["a", "b"]), ("f(a, b), c", ["f(a, b)", "c"])],
)
def test_separated(sql, expected):
    assert [normalised(t) for t in separated(tokenize(sql, Dialect.SQLITE))] == expected
