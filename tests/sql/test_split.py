"""Statements are cut where SQLite cuts them, and their spans point at exactly their text."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migsafe.model.migration import Dialect
from migsafe.sql.split import comments, split

SQLITE = Dialect.SQLITE
TRIGGER = (
    "CREATE TRIGGER tr AFTER UPDATE OF a ON t WHEN new.a > 0 BEGIN\n"
    "  UPDATE t SET a = CASE WHEN new.a THEN 1 ELSE 2 END; -- ; END;\n"
    "  INSERT INTO log(\"end\", 'begin') VALUES (';', 1);\n"
    "  SELECT CASE new.b WHEN 1 THEN raise(ABORT, 'no; end;') END;\n"
    "END"
)


def texts(script: str, dialect: Dialect = SQLITE) -> list[str]:
    return [s.sql for s in split(script, dialect)]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", []),
        (" \n\t", []),
        (";;; ;", []),
        ("-- only a comment", []),
        ("/* only */ -- comments\n/* unfinished ;", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1;", ["SELECT 1"]),
        ("SELECT 1;;SELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("\ufeffSELECT 1;", ["SELECT 1"]),
        ("SELECT 1;\r\nSELECT\r\n2;\r\n", ["SELECT 1", "SELECT\r\n2"]),
        ("SELECT ';';SELECT 2", ["SELECT ';'", "SELECT 2"]),
        ("SELECT '';SELECT ''';'", ["SELECT ''", "SELECT ''';'"]),
        ('SELECT ";";SELECT `;`, [;\n;]', ['SELECT ";"', "SELECT `;`, [;\n;]"]),
        ("SELECT 1 -- ;\n;SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("SELECT /* ; */ 1;SELECT 2", ["SELECT /* ; */ 1", "SELECT 2"]),
        ("/* a */ SELECT 1 /* b */ /* c */; -- d", ["SELECT 1"]),
        ("SELECT '--';SELECT '/*';SELECT '*/'", ["SELECT '--'", "SELECT '/*'", "SELECT '*/'"]),
        ("SELECT '-- x' -- y", ["SELECT '-- x'"]),
        ("SELECT 4 /2; SELECT 4 - -2", ["SELECT 4 /2", "SELECT 4 - -2"]),
        ("SELECT /*/ ; */ 1", ["SELECT /*/ ; */ 1"]),
        ("SELECT (1;2)", ["SELECT (1", "2)"]),
        ("BEGIN;END;", ["BEGIN", "END"]),
        ("SELECT 'unfinished; SELECT 2", ["SELECT 'unfinished; SELECT 2"]),
        ('SELECT "unfinished; SELECT 2', ['SELECT "unfinished; SELECT 2']),
        ("SELECT [unfinished; SELECT 2", ["SELECT [unfinished; SELECT 2"]),
        ("SELECT 1 /* unfinished; SELECT 2", ["SELECT 1"]),
    ],
)
def test_semicolons_outside_strings_names_and_comments_end_statements(script, expected):
    assert texts(script) == expected


@pytest.mark.parametrize(
    "start", ["CREATE TRIGGER", "create temp trigger", "CREATE/*;*/TEMPORARY --;\n TRIGGER"]
)
def test_a_trigger_keeps_its_body(start):
    trigger = TRIGGER.replace("CREATE TRIGGER", start)
    assert texts(f"SELECT 1;\n{trigger};\nSELECT 2;") == ["SELECT 1", trigger, "SELECT 2"]


@pytest.mark.parametrize("end", ["", ";", " ;", " -- end\n;", "/*;*/;", ";;"])
def test_a_trigger_ends_with_its_end(end):
    assert texts(TRIGGER + end) == [TRIGGER]


def test_a_trigger_whose_column_is_called_end():
    trigger = "CREATE TRIGGER x DELETE ON t BEGIN UPDATE t SET end = old.begin; END"
    sqlite3.connect(":memory:").executescript(
        f"CREATE TABLE t(end, begin); {trigger}; SELECT 1;"
    ).connection.close()
    assert texts(f"{trigger}; SELECT 1") == [trigger, "SELECT 1"]


@pytest.mark.parametrize(
    ("script", "last"),
    [
        ("CREATE TRIGGER x; DROP TABLE t;", "DROP TABLE t"),
        ("CREATE TRIGGER x DELETE ON t BEGIN SELECT 1 END; DROP TABLE t;", "DROP TABLE t"),
        ("CREATE TRIGGER x DELETE ON t BEGIN SELECT 1; DROP TABLE t; END;", "END"),
    ],
)
def test_a_broken_trigger_does_not_swallow_what_follows(script, last):
    assert texts(script)[-1] == last


def test_spans_count_lines_and_columns_from_one():
    script = "-- title\nSELECT 1;  SELECT\n 2 ;\r\n\tSELECT 3"
    spans = [s.span for s in split(script, SQLITE, "m.sql")]
    assert [(s.path, s.line, s.column, s.end_line, s.end_column) for s in spans] == [
        ("m.sql", 2, 1, 2, 9),
        ("m.sql", 2, 12, 3, 3),
        ("m.sql", 4, 2, 4, 10),
    ]


def test_a_part_of_a_script_keeps_its_places():
    script = "SELECT 0;\nSELECT 1; SELECT 2;\nSELECT 3;"
    start = script.index("SELECT 1")
    found = split(script, SQLITE, start=start, end=script.index("SELECT 3"))
    assert [(s.sql, s.span.line, s.span.column) for s in found] == [
        ("SELECT 1", 2, 1),
        ("SELECT 2", 2, 11),
    ]


def test_comments_are_those_outside_strings():
    script = "-- one\nSELECT '-- no', \"/* no */\" /* two\n lines */;\n--three"
    assert comments(script, SQLITE) == ((1, "one"), (2, "two\n lines"), (4, "three"))
    assert comments("SELECT 1", SQLITE) == ()


@pytest.mark.parametrize("dialect", [Dialect.POSTGRES, Dialect.MYSQL])
def test_servers_keep_the_bodies_of_routines(dialect):
    quote = "$$" if dialect is Dialect.POSTGRES else ""
    routine = f"CREATE FUNCTION f() {quote} BEGIN SELECT 1; SELECT 2; END {quote}".strip()
    assert texts(f"{routine}; SELECT 3", dialect) == [routine, "SELECT 3"]


# -- properties -----------------------------------------------------------------------------------

STATEMENTS = st.sampled_from(
    [
        "SELECT 1",
        "SELECT ';', \"a;b\", [c;d], `e;f`",
        "INSERT INTO t VALUES ('it''s; x', x'00') -- no;\n RETURNING *",
        "UPDATE t /* ; */ SET a = 1",
        TRIGGER,
        "BEGIN",
        "END",
        "SELECT CASE WHEN 1 THEN 2 END",
        "é",
    ]
)
GAPS = st.lists(
    st.sampled_from([" ", "\n", "\r\n", "\t", "-- c;\n", "/* d; */", "--'\n", '/*"*/', ";"]),
    max_size=4,
).map("".join)
SOUP = st.lists(
    st.sampled_from(
        [";", "'", '"', "`", "[", "]", "--", "/*", "*/", "\n", " ", "a", "SELECT", "END", "BEGIN",
         "CASE", "(", ")", "''", "TRIGGERS", "\r", "é", "\v", "\xa0", "$", "?1"]
    ),
    max_size=30,
).map("".join)  # fmt: skip


def check_whole(parts: list[tuple[str, str]], head: str) -> None:
    script = head + "".join(f"{statement}{gap};{gap}" for statement, gap in parts)
    found = split(script, SQLITE)
    assert [s.sql for s in found] == [statement for statement, _ in parts]
    lines = [0, *(i + 1 for i, c in enumerate(script) if c == "\n")]
    for statement in found:
        span = statement.span
        start = lines[span.line - 1] + span.column - 1
        end = lines[span.end_line - 1] + span.end_column - 1
        assert script[start:end] == statement.sql


def complete_pieces(script: str) -> list[str]:
    """The script cut where sqlite3_complete() first says yes."""
    pieces, start = [], 0
    for at, char in enumerate(script):
        if char == ";" and sqlite3.complete_statement(script[start : at + 1]):
            pieces.append(script[start : at + 1])
            start = at + 1
    return [*pieces, script[start:]]


def check_like_sqlite(script: str) -> None:
    expected = [found[0] for piece in complete_pieces(script) if (found := texts(piece))]
    assert texts(script) == expected
    for piece in complete_pieces(script):
        assert len(texts(piece)) <= 1


@settings(deadline=None, max_examples=80)
@given(st.lists(st.tuples(STATEMENTS, GAPS), max_size=6), GAPS)
def test_scripts_split_into_exactly_what_they_were_made_of(parts, head):
    check_whole(parts, head)


@settings(deadline=None, max_examples=150)
@given(SOUP)
def test_any_text_is_cut_where_sqlite_cuts_it(script):
    check_like_sqlite(script)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(STATEMENTS, GAPS), max_size=4), st.integers(0, 400))
def test_a_script_cut_short_has_the_same_complete_statements(parts, cut):
    script = "".join(f"{statement}{gap};" for statement, gap in parts)
    piece = script[:cut]
    whole = complete_pieces(piece)[:-1]
    expected = [found[0] for p in whole if (found := texts(p))]
    assert texts(piece)[: len(expected)] == expected


@pytest.mark.slow
@settings(deadline=None, max_examples=5000)
@given(st.lists(st.tuples(STATEMENTS, GAPS), max_size=8), GAPS, SOUP)
def test_splitting_at_length(parts, head, soup):
    check_whole(parts, head)
    check_like_sqlite(soup)
