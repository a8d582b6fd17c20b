"""MySQL's scripts are split as its client splits them, and as its grammar says."""

from __future__ import annotations

import pytest

from migsafe.model.migration import Dialect
from migsafe.sql.split import split


def texts(script: str) -> list[str]:
    return [s.sql for s in split(script, Dialect.MYSQL)]


BODIES = [
    "CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW SET NEW.a = IF(1, 2, 3)",
    "CREATE TRIGGER r BEFORE INSERT ON t FOR EACH ROW IF NEW.a THEN SET NEW.a = 1; END IF",
    "CREATE PROCEDURE IF NOT EXISTS p(IN a INT)\nBEGIN IF a THEN SELECT 1; ELSEIF b THEN SELECT 2;"
    " ELSE SELECT IF(1, 2, 3); END IF; END",
    "CREATE DEFINER=`u`@`h` PROCEDURE p() SQL SECURITY INVOKER BEGIN l: LOOP LEAVE l; END LOOP l; "
    "WHILE a DO SET a = REPEAT('x', 2); END WHILE; REPEAT SET a = 1; UNTIL a END REPEAT; END",
    "CREATE PROCEDURE p() BEGIN DECLARE CONTINUE HANDLER FOR NOT FOUND BEGIN SET x = 1; END; "
    "CASE x WHEN 1 THEN SELECT CASE WHEN a THEN IF(1, 2, 3) ELSE 4 END; ELSE BEGIN END; END CASE; "
    "END",
    "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO BEGIN DELETE FROM t; DELETE FROM u; END",
    "BEGIN NOT ATOMIC SELECT 1; SELECT 2; END",
    "/*!50003 CREATE*/ /*!50017 DEFINER=`u`@`h`*/ /*!50003 TRIGGER r AFTER INSERT ON t FOR EACH "
    "ROW BEGIN DELETE FROM u; END */",
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_bodies_stay_whole(body: str):
    assert texts(f"SELECT 1;\n{body} /* c */ ;\nSELECT 2;") == ["SELECT 1", body, "SELECT 2"]
    script = f"DELIMITER $$\n{body}$$\nSELECT 3 $$\ndelimiter ;\nSELECT 4;"
    assert texts(script) == [body, "SELECT 3", "SELECT 4"]


def test_words_of_bodies_are_also_names():
    script = "CREATE TABLE `trigger` (`end` INT, begin INT); BEGIN; SELECT 1; COMMIT"
    assert texts(script)[1:] == ["BEGIN", "SELECT 1", "COMMIT"]


def test_strings_and_comments_hide_semicolons():
    script = "SELECT 'a;''b\\';c', \";\", `;`; -- x;\n# y;\n/* z; */ SELECT 1--1;"
    assert texts(script) == ["SELECT 'a;''b\\';c', \";\", `;`", "SELECT 1--1"]


def test_a_statement_before_delimiter_needs_no_mark():
    assert texts("DELIMITER //\nSELECT 1; SELECT 2;\nDELIMITER ;\nSELECT 3") == [
        "SELECT 1; SELECT 2;",
        "SELECT 3",
    ]


def test_executable_comments_are_statements_with_their_places():
    found = split("\n /*!40101 SET NAMES utf8 */;\n/*M!100 SELECT 1 */", Dialect.MYSQL, "m.sql")
    assert [(s.sql, s.span.line, s.span.column) for s in found] == [
        ("/*!40101 SET NAMES utf8 */", 2, 2),
        ("/*M!100 SELECT 1 */", 3, 1),
    ]
