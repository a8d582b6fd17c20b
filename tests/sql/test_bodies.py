"""What the bodies of procedures are read as, in PL/pgSQL and in MySQL's language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migsafe.model.migration import Dialect, Kind, Operation
from migsafe.sql.parse import operations

MYSQL = """CREATE DEFINER = 'a'@'b' PROCEDURE fill(IN n INT)
MODIFIES SQL DATA
BEGIN
  DECLARE done INT DEFAULT 0;
  DECLARE CONTINUE HANDLER FOR NOT FOUND SET done = 1;
  again: LOOP
    START TRANSACTION;
    UPDATE t SET c = 0 WHERE c IS NULL LIMIT 1000;
    IF ROW_COUNT() = 0 THEN LEAVE again; END IF;
    COMMIT;
  END LOOP again;
  REPEAT
    DELETE FROM u WHERE x LIMIT 10;
  UNTIL ROW_COUNT() = 0 END REPEAT;
  WHILE n > 0 DO SET n = n - 1; DELETE FROM v LIMIT 1; END WHILE;
  UPDATE w SET z = 1;
  CASE n WHEN 1 THEN DELETE FROM q; ELSE INSERT INTO q VALUES (1); END CASE;
END"""
POSTGRES = """CREATE OR REPLACE PROCEDURE fill() LANGUAGE plpgsql AS $$
DECLARE n int;
BEGIN
  LOOP
    UPDATE t SET c = 0 WHERE id IN (SELECT id FROM t LIMIT 1000);
    GET DIAGNOSTICS n = ROW_COUNT;
    EXIT WHEN n = 0;
    COMMIT;
  END LOOP;
  UPDATE w SET z = 1;
END $$"""


def body(sql: str, dialect: Dialect) -> tuple[Operation, ...]:
    (made,) = operations(sql, dialect)
    assert made.kind is Kind.CREATE_FUNCTION
    return made.body


def brief(sql: str, dialect: Dialect) -> list[str]:
    """Each operation as `line kind table marks`."""
    marks = ("loop", "conditional")
    return [
        " ".join([str(o.line), o.kind, o.table, *(m for m in marks if m in o.options)])
        for o in body(sql, dialect)
    ]


def test_a_body_of_mysql_is_divided_at_its_own_words():
    assert brief(MYSQL, Dialect.MYSQL) == [
        "7 begin  loop",
        "8 update t loop",
        "10 commit  loop",
        "13 delete u loop",
        "15 delete v loop",
        "16 update w",
        "17 delete q conditional",
        "17 insert q conditional",
    ]


def test_a_body_in_plpgsql_is_divided_at_its_own_words():
    assert brief(POSTGRES, Dialect.POSTGRES) == ["5 update t loop", "8 commit  loop", "10 update w"]


def test_a_body_of_one_statement_needs_no_begin():
    assert brief("CREATE PROCEDURE p() DELETE FROM t", Dialect.MYSQL) == ["1 delete t"]


@pytest.mark.parametrize(
    ("sql", "dialect"),
    [
        ("CREATE PROCEDURE p() LANGUAGE sql AS 'DELETE FROM t'", Dialect.POSTGRES),
        ("CREATE FUNCTION p() RETURNS int RETURN 1", Dialect.MYSQL),
    ],
)
def test_other_bodies_are_left_unread(sql: str, dialect: Dialect):
    assert body(sql, dialect) == ()


WORDS = st.sampled_from(MYSQL.replace("(", " ( ").replace(")", " ) ").replace(";", " ; ").split())


@given(st.lists(WORDS, max_size=40))
def test_any_body_is_read_to_its_end(words: list[str]):
    assert operations("CREATE PROCEDURE p() " + " ".join(words), Dialect.MYSQL)
