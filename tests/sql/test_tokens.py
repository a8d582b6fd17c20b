"""Tokens are SQLite's tokens, and normalised text says the same as the source."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migsafe.model.migration import Dialect
from migsafe.sql.tokens import (
    KEYWORDS,
    RESERVED,
    Lines,
    joined,
    normalise,
    stripped,
    tokenize,
    unquoted,
)

SQLITE = Dialect.SQLITE


def kinds(text: str) -> list[tuple[str, str]]:
    return [(t.kind, t.text) for t in tokenize(text, SQLITE)]


def each(kind: str, texts: str) -> list[tuple[str, str]]:
    return [(kind, text) for text in texts.split(" ")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a_1$ é9 日本", [("word", "a_1$"), ("word", "é9"), ("word", "日本")]),
        ("a\xa0b", [("word", "a\xa0b")]),
        ("'it''s' ''", [("string", "'it''s'"), ("string", "''")]),
        ('"a""b" `c``d` [e"f]', [("quoted", '"a""b"'), ("quoted", "`c``d`"), ("quoted", '[e"f]')]),
        ("x'0aF' X''", [("blob", "x'0aF'"), ("blob", "X''")]),
        ("1 1.5 .5 1. 1e5 2E-3 0x1F", each("number", "1 1.5 .5 1. 1e5 2E-3 0x1F")),
        ("1_000", [("number", "1_000")]),
        ("? ?2 :a @b $c #d", each("parameter", "? ?2 :a @b $c #d")),
        ("->> -> || << >> <= >= <> != ==", each("mark", "->> -> || << >> <= >= <> != ==")),
        ("a-- b\n/* c */d/*", [("word", "a"), ("word", "d")]),
        ("-1", [("mark", "-"), ("number", "1")]),
        ("'unfinished", [("string", "'unfinished")]),
        ("[unfinished", [("quoted", "[unfinished")]),
        ("\ufeffa\fb", [("word", "a"), ("word", "b")]),
        ("\v\x00", [("mark", "\v"), ("mark", "\x00")]),
    ],
)  # fmt: skip
def test_tokens(text, expected):
    assert kinds(text) == expected


def test_offsets_are_those_of_the_whole_text():
    text = "SELECT 'é' , [b c];"
    assert all(text[t.start : t.end] == t.text for t in tokenize(text, SQLITE))
    assert [t.start for t in tokenize(text, SQLITE, 7, 12)] == [7, 11]


def test_words_and_names():
    word, quoted, string, mark = tokenize("select \"Se\"\"lect\" 'a''b' ,", SQLITE)
    assert (word.upper, word.name) == ("SELECT", "select")
    assert (quoted.upper, quoted.name) == ("", 'Se"lect')
    assert (string.upper, string.name) == ("", "a'b")
    assert mark.upper == ","


@pytest.mark.parametrize(
    ("text", "expected"),
    [('"a""b"', 'a"b'), ("`a``b`", "a`b"), ("[a b]", "a b"), ("'x", "x"), ("a", "a"), ('"', '"')],
)
def test_unquoted(text, expected):
    assert unquoted(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a>0  AND\n b is not NULL", "a > 0 AND b IS NOT NULL"),
        ('"a" , [B] , `c d`', 'a, b, "c d"'),
        ('"select" "A""b"', '"select" "a""b"'),
        ("lower ( Name ) || 'It''s'", "lower(name) || 'It''s'"),
        ("x in(1,2)", "x IN (1, 2)"),
        ("main . t . a", "main.t.a"),
        ("a /* gone */ -- gone\n + 1", "a + 1"),
        ("- -1", "- - 1"),
        ("", ""),
    ],
)
def test_normalised_text_has_one_spelling(text, expected):
    assert normalise(text) == expected


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=40))
def test_normalising_twice_changes_nothing_and_never_raises(text):
    once = normalise(text)
    assert normalise(once) == once


EXPRESSIONS = st.recursive(
    st.sampled_from(["1", "-2.5", "'x''y'", "NULL", "x'41'", '"a"', "[B]", "a", ".5", "1e2"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "||", "<", "IS", "AND", "=="]), inner).map(
            lambda t: f"{t[0]} {t[1]}/**/{t[2]}"
        ),
        inner.map(lambda e: f"( {e} )"),
        inner.map(lambda e: f"coalesce ({e} ,- {e})"),
        inner.map(lambda e: f"case when {e} then\n{e} end"),
        inner.map(lambda e: f"cast({e} as TEXT)"),
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=60)
@given(EXPRESSIONS)
def test_sqlite_reads_normalised_text_as_the_source(expression):
    with closing(sqlite3.connect(":memory:")) as database:
        query = "SELECT {} FROM (SELECT 3 AS a, 'q' AS b)"
        expected = database.execute(query.format(expression)).fetchall()
        assert database.execute(query.format(normalise(expression))).fetchall() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("(a)", "a"), ("((a + b))", "a + b"), ("(a) + (b)", "(a) + (b)"), ("(a", "(a"), ("", "")],
)
def test_stripped_takes_away_brackets_around_everything(text, expected):
    assert joined(stripped(tokenize(text, SQLITE))) == expected


def test_lines_and_columns_count_from_one():
    lines = Lines("ab\ncd\r\n\ne")
    assert [lines.place(at) for at in (0, 1, 2, 3, 7, 8)] == [
        (1, 1), (1, 2), (1, 3), (2, 1), (3, 1), (4, 1),
    ]  # fmt: skip


@pytest.mark.parametrize("word", sorted(KEYWORDS))
def test_reserved_words_are_those_that_sqlite_refuses_as_names(word):
    with closing(sqlite3.connect(":memory:")) as database:
        try:
            database.execute(f"CREATE TABLE t ({word} TEXT)")
        except sqlite3.OperationalError:
            assert word in RESERVED
        else:
            assert word not in RESERVED
