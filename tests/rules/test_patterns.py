"""Statement patterns: what they fit, what their metavariables stand for, and what is refused."""

from __future__ import annotations

from contextlib import closing

import pytest

from migsafe.analyse import Runner, analyse
from migsafe.errors import RuleInvalid
from migsafe.facts import build
from migsafe.model.migration import Dialect, History, Migration
from migsafe.rules.load import read
from migsafe.rules.pattern_text import example, fixture, names
from migsafe.rules.patterns import compiled
from migsafe.sql.split import split

OLD = (
    "CREATE TABLE note (id int PRIMARY KEY, body text, a int, b int);\n"
    "CREATE TABLE folder (id int PRIMARY KEY);\n"
)
SQLITE, POSTGRES, MYSQL = "sqlite", "postgres", "mysql"
ALL = (SQLITE, POSTGRES, MYSQL)
SERVERS = (POSTGRES, MYSQL)


def hits(dialect, pattern, sql, unless=(), where="", old=OLD):
    """The metavariables' values for each statement of `sql` that the pattern fits."""
    spoken = Dialect(dialect)
    find = compiled(pattern, unless, where, [spoken])
    migrations = []
    for number, text in enumerate((old, sql), 1):
        statements = split(text, spoken, f"{number}.sql")
        parents = (str(number - 1),) if number > 1 else ()
        migrations.append(Migration(str(number), f"{number}.sql", parents, "", statements))
    history = History(spoken, "numbered", tuple(migrations))
    evidence = analyse(history, {"2"}, Runner(None), {"today": "2026-01-01"})
    with closing(build(evidence)) as facts:
        cursor = facts.execute(
            f"SELECT x.* FROM ({find}) x JOIN statement s ON s.id = x.statement"
            " JOIN migration m ON m.id = s.migration WHERE m.revision = '2'"
        )
        columns = [d[0] for d in cursor.description]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor]
    return [{n: row[n] for n in names(pattern)} for row in rows]


# pattern, a statement that it fits, what the metavariables are then, a statement it does not fit
EVERYWHERE = [
    ("ALTER TABLE $T ADD COLUMN $C $TYPE NOT NULL", "alter table note add q varchar(20) not null",
     {"T": "note", "C": "q", "TYPE": "varchar(20)"}, "alter table note add q int"),
    ("ALTER TABLE $T ADD COLUMN $C VARCHAR($N)", "alter table note add q varchar(20)",
     {"T": "note", "C": "q", "N": "20"}, "alter table note add q text"),
    ("ALTER TABLE $T ADD COLUMN $C $TYPE DEFAULT $D", "alter table note add q int default 5",
     {"T": "note", "C": "q", "TYPE": "int", "D": "5"}, "alter table note add q int"),
    ("ALTER TABLE $T ADD COLUMN $C $TYPE UNIQUE", None, None, "alter table note add q int"),
    ("ALTER TABLE note ADD COLUMN $C $TYPE", "alter table note add column q int",
     {"C": "q", "TYPE": "int"}, "alter table folder add q int"),
    ("ALTER TABLE $T DROP COLUMN $C", "alter table note drop column body",
     {"T": "note", "C": "body"}, "alter table note rename to n2"),
    ("ALTER TABLE $T RENAME TO $N", "alter table note rename to memo",
     {"T": "note", "N": "memo"}, "alter table note rename column a to c"),
    ("ALTER TABLE $T RENAME COLUMN $A TO $B", "alter table note rename column a to c",
     {"T": "note", "A": "a", "B": "c"}, "alter table note rename to c"),
    ("CREATE INDEX $I ON $T ($C)", "create index i on note (body)",
     {"I": "i", "T": "note", "C": "body"}, "create index i on note (a, b)"),
    ("CREATE INDEX $I ON $T ($C, $...)", "create index i on note (a, b)",
     {"I": "i", "T": "note", "C": "a"}, "alter table note drop column body"),
    ("CREATE INDEX $I ON $T ($..., b)", "create index i on note (a, b)",
     {"I": "i", "T": "note"}, "create index i on note (b, a)"),
    ("CREATE UNIQUE INDEX $I ON $T ($...)", "create unique index i on note (a, b)",
     {"I": "i", "T": "note"}, "create index i on note (a)"),
    ("CREATE TABLE $T ($...)", "create table x (id int, c text)", {"T": "x"}, "drop table note"),
    ("CREATE TABLE $T ($C TEXT, $...)", "create table x (c text, id int)", {"T": "x", "C": "c"},
     "create table x (c int, d int)"),
    ("CREATE VIEW $V AS SELECT $... FROM $S", "create view v as select a, b from note",
     {"V": "v", "S": "note"}, "create view v as select 1"),
    ("UPDATE $T SET $C = $E", "update note set body = upper(body)",
     {"T": "note", "C": "body", "E": "upper(body)"}, "update note set a = 1, b = 2"),
    ("UPDATE $T SET body = $E, $...", "update note set a = 1, body = 'x'",
     {"T": "note", "E": "'x'"}, "update note set a = 1"),
    ("UPDATE $T SET $C = NULL", "update note set body = null where a = 1",
     {"T": "note", "C": "body"}, "update note set body = 'null'"),
    ("UPDATE $T SET $C = $E WHERE $C IS NULL", "update note set body = '' where body  is\nnull",
     {"T": "note", "C": "body", "E": "''"}, "update note set body = '' where a is null"),
    ("DELETE FROM $T", "delete from note", {"T": "note"}, "drop table note"),
    ("DELETE FROM $T WHERE $W", "delete from note where a = 1", {"T": "note", "W": "a = 1"},
     "delete from note"),
    ("DELETE FROM $T WHERE $A = $B", "delete from note where a = b + 1",
     {"T": "note", "A": "a", "B": "b + 1"}, "delete from note where a > b"),
    ("INSERT INTO $T ($...) SELECT $... FROM $S", "insert into folder (id) select a from note",
     {"T": "folder", "S": "note"}, "insert into folder (id) values (1)"),
    ("INSERT INTO $T SELECT * FROM $S", "insert into note select * from note",
     {"T": "note", "S": "note"}, "insert into folder select id from note"),
    ("DROP TABLE $T", "drop table if exists note", {"T": "note"}, "drop view v"),
    ("DROP TABLE IF EXISTS $T", "drop table if exists note", {"T": "note"}, "drop table note"),
    ("DROP VIEW $V", "drop view v", {"V": "v"}, "drop table note"),
    ("BEGIN", "begin", {}, "commit"),
]  # fmt: skip
ON_SERVERS = [
    ("ALTER TABLE $T ADD CONSTRAINT $N FOREIGN KEY ($C) REFERENCES $P ($R)",
     "alter table note add constraint f foreign key (a) references folder (id)",
     {"T": "note", "N": "f", "C": "a", "P": "folder", "R": "id"},
     "alter table note add constraint f unique (a)"),
    ("ALTER TABLE $T ADD CONSTRAINT $N FOREIGN KEY ($C) REFERENCES $P ($R) ON DELETE CASCADE",
     "alter table note add constraint f foreign key (a) references folder (id) on delete cascade",
     {"T": "note", "N": "f", "C": "a", "P": "folder", "R": "id"},
     "alter table note add constraint f foreign key (a) references folder (id)"),
    ("ALTER TABLE $T ADD CONSTRAINT $N UNIQUE ($...)",
     "alter table note add constraint f unique (a, b)", {"T": "note", "N": "f"},
     "alter table note add constraint f check (a > 1)"),
    ("ALTER TABLE $T ADD CONSTRAINT $N CHECK ($A > $B)",
     "alter table note add constraint f check (a > 1)", {"T": "note", "N": "f", "A": "a", "B": "1"},
     "alter table note add constraint f check (a < 1)"),
    ("ALTER TABLE $T DROP CONSTRAINT $N", "alter table note drop constraint f",
     {"T": "note", "N": "f"}, "alter table note drop column a"),
    ("ALTER TABLE $T ALTER COLUMN $C DROP DEFAULT", "alter table note alter column a drop default",
     {"T": "note", "C": "a"}, "alter table note drop column a"),
    ("ALTER TABLE $T ADD COLUMN $C $TYPE, DROP COLUMN $D",
     "alter table note add column q int, drop column a",
     {"T": "note", "C": "q", "TYPE": "int", "D": "a"}, "alter table note drop column a"),
    ("TRUNCATE TABLE $T", "truncate table note", {"T": "note"}, "delete from note"),
]  # fmt: skip
ONE = [
    (SQLITE, "PRAGMA foreign_keys = OFF", "pragma foreign_keys=off", {}, "pragma foreign_keys=on"),
    (SQLITE, "PRAGMA $N = $V", "pragma user_version(3)", {"N": "user_version", "V": "3"},
     "pragma user_version"),
    (SQLITE, "CREATE UNIQUE INDEX $I ON $T ($C COLLATE NOCASE)",
     "create unique index i on note (body collate nocase)", {"I": "i", "T": "note", "C": "body"},
     "create unique index i on note (body)"),
    (SQLITE, "CREATE INDEX $I ON $T ($...) WHERE $W", "create index i on note (body) where a > 1",
     {"I": "i", "T": "note", "W": "a > 1"}, "create index i on note (body)"),
    (SQLITE, "INSERT OR IGNORE INTO $T ($...) SELECT $... FROM $S",
     "insert or ignore into folder (id) select a from note", {"T": "folder", "S": "note"},
     "insert into folder (id) select a from note"),
    (SQLITE, "CREATE TABLE $T ($...) STRICT", "create table x (a int) strict", {"T": "x"},
     "create table x (a int)"),
    (SQLITE, "CREATE TRIGGER $N AFTER UPDATE ON $T BEGIN $... END",
     "create trigger t after update on note begin select 1; end", {"N": "t", "T": "note"},
     "create trigger t after delete on note begin select 1; end"),
    (SQLITE, "DROP TRIGGER $N", "drop trigger if exists t", {"N": "t"}, "drop view t"),
    (SQLITE, "ATTACH $F AS $N", "attach 'x.db' as x", {"F": "x.db", "N": "x"}, "detach x"),
    (POSTGRES, "ALTER TABLE $T ALTER COLUMN $C TYPE $TYPE USING $E",
     "alter table note alter body type int using body::int",
     {"T": "note", "C": "body", "TYPE": "int", "E": "body::int"},
     "alter table note alter body type varchar(9)"),
    (POSTGRES, "ALTER TABLE $T ALTER COLUMN $C SET NOT NULL",
     "alter table note alter column a set not null", {"T": "note", "C": "a"},
     "alter table note alter column a drop not null"),
    (POSTGRES, "ALTER TABLE $T ADD CONSTRAINT $N CHECK ($E) NOT VALID",
     "alter table note add constraint c check (a > 1) not valid",
     {"T": "note", "N": "c", "E": "a > 1"}, "alter table note add constraint c check (a > 1)"),
    (POSTGRES, "CREATE INDEX CONCURRENTLY $I ON $T USING gin ($...)",
     "create index concurrently i on note using gin (body)", {"I": "i", "T": "note"},
     "create index i on note using gin (body)"),
    (POSTGRES, "CREATE UNIQUE INDEX $I ON $T (lower($C))",
     "create unique index i on note (lower(body))", {"I": "i", "T": "note", "C": "body"},
     "create unique index i on note (body)"),
    (POSTGRES, "CREATE TYPE $T AS ENUM ('a', $...)", "create type m as enum ('a', 'b')",
     {"T": "m"}, "create type m as enum ('b')"),
    (POSTGRES, "ALTER TYPE $T ADD VALUE $V",
     "create type m as enum ('a'); alter type m add value 'b'",
     {"T": "m", "V": "b"}, "create type m as enum ('a')"),
    (POSTGRES, "ALTER TYPE $T RENAME VALUE $A TO $B",
     "create type m as enum ('a'); alter type m rename value 'a' to 'b'",
     {"T": "m", "A": "a", "B": "b"}, "create type m as enum ('a')"),
    (POSTGRES, "SET lock_timeout = $V", "set lock_timeout = '2s'", {"V": "2s"},
     "set statement_timeout = '2s'"),
    (POSTGRES, "LOCK TABLE $T", "lock table note", {"T": "note"}, "lock table note in share mode"),
    (POSTGRES, "DROP TABLE $T CASCADE", "drop table note cascade", {"T": "note"},
     "drop table note"),
    (POSTGRES, "DROP INDEX CONCURRENTLY $I", "drop index concurrently i", {"I": "i"},
     "drop index i"),
    (POSTGRES, "VACUUM FULL $T", "vacuum full note", {"T": "note"}, "vacuum note"),
    (POSTGRES, "ALTER TABLE $S.$T DROP COLUMN $C", "alter table sales.note drop column a",
     {"S": "sales", "T": "note", "C": "a"}, "alter table note drop column a"),
    (MYSQL, "ALTER TABLE $T MODIFY $C $TYPE NOT NULL",
     "alter table note modify body varchar(20) not null",
     {"T": "note", "C": "body", "TYPE": "varchar(20)"}, "alter table note modify body varchar(20)"),
    (MYSQL, "ALTER TABLE $T CHANGE $A $B $TYPE", "alter table note change a c int",
     {"T": "note", "A": "a", "B": "c", "TYPE": "int"}, "alter table note modify a int"),
    (MYSQL, "ALTER TABLE $T ADD COLUMN $C $TYPE AFTER $D",
     "alter table note add column q int after a",
     {"T": "note", "C": "q", "TYPE": "int", "D": "a"}, "alter table note add column q int"),
    (MYSQL, "ALTER TABLE $T ADD COLUMN $C $TYPE, ALGORITHM=INSTANT",
     "alter table note add column q int, algorithm=instant",
     {"T": "note", "C": "q", "TYPE": "int"}, "alter table note add column q int"),
    (MYSQL, "ALTER TABLE $T ENGINE = $E", "alter table note engine=MyISAM",
     {"T": "note", "E": "myisam"}, "alter table note add column q int"),
    (MYSQL, "SET foreign_key_checks = 0", "set foreign_key_checks=0", {},
     "set foreign_key_checks=1"),
    (MYSQL, "DROP INDEX $I ON $T", "drop index i on note", {"I": "i", "T": "note"},
     "drop table note"),
    (MYSQL, "RENAME TABLE $A TO $B", "rename table note to memo", {"A": "note", "B": "memo"},
     "drop table note"),
]  # fmt: skip
SHAPES = [
    *((d, *case) for case in EVERYWHERE for d in ALL),
    *((d, *case) for case in ON_SERVERS for d in SERVERS),
    *ONE,
]


@pytest.mark.parametrize(("dialect", "pattern", "fits", "values", "other"), SHAPES)
def test_a_pattern_fits_its_shape_and_no_other(dialect, pattern, fits, values, other):
    if fits is not None:
        assert hits(dialect, pattern, fits) == [values]
    assert hits(dialect, pattern, other) == []


@pytest.mark.parametrize(("dialect", "pattern"), [shape[:2] for shape in SHAPES])
def test_every_pattern_fits_its_own_example(dialect, pattern):
    """The fixtures that `rules new` writes: the pattern with plain words in it."""
    files = dict(fixture("a-rule", "fail", pattern, (), Dialect(dialect)))
    old = files.get("0001_tables.sql", "SELECT 1;")
    statement = files["0002_change.sql"].removesuffix("; -- expect: a-rule\n")
    assert statement == example(pattern, Dialect(dialect))
    assert not {"mv_", "$"} & set(statement.split())
    assert len(hits(dialect, pattern, statement, old=old)) == 1
    safe = dict(fixture("a-rule", "pass", pattern, (), Dialect(dialect)))["0002_change.sql"]
    assert hits(dialect, pattern, safe, old=old) == []


REFUSED = [
    (SQLITE, "ALTER TABLE $T MODIFY $C $TYPE",
     "the pattern cannot be read in sqlite: DROP expected, MODIFY found",
     "it stops at the mark: ALTER TABLE $T >>>MODIFY $C $TYPE"),
    (POSTGRES, "ALTER TABLE $T ADD COLUMN $C $TYPE AFTER $D",
     "the pattern cannot be read in postgres: AFTER is not expected in a column",
     "it stops at the mark: ALTER TABLE $T ADD COLUMN $C $TYPE >>>AFTER $D"),
    (MYSQL, "PRAGMA $N",
     "the pattern cannot be read in mysql: PRAGMA does not start a statement that is known",
     "it stops at the mark: >>>PRAGMA $N"),
    (SQLITE, "CREATE UNIQUE INDEX CONCURRENTLY $I ON $T ($C)",
     "the pattern cannot be read in sqlite: ON expected, $I found",
     "it stops at the mark: CREATE UNIQUE INDEX CONCURRENTLY >>>$I ON $T ($C)"),
    (POSTGRES, "DROP TRIGGER $N",
     "the pattern cannot be read in postgres: ON expected, the end found",
     "it stops at the mark: DROP TRIGGER $N>>>"),
    (SQLITE, "INSERT INTO $T ($...) SELECT $... FROM $S WHERE $W",
     "$W is lost: the facts of sqlite do not keep what stands there",
     "write $... in its place, or `find` instead of a pattern:"
     " INSERT INTO $T ($...) SELECT $... FROM $S WHERE $W"),
    (POSTGRES, "COMMENT ON TABLE $T IS $E",
     "$E is lost: the facts of postgres do not keep what stands there",
     "write $... in its place, or `find` instead of a pattern: COMMENT ON TABLE $T IS $E"),
    (SQLITE, "SELECT $A FROM $T", "$A is lost: the facts of sqlite do not keep what stands there",
     "write $... in its place, or `find` instead of a pattern: SELECT $A FROM $T"),
    (SQLITE, "CREATE INDEX $I ON $T ($C DESC)",
     "DESC in the pattern is not asked for: the facts of sqlite do not keep it",
     "leave it out, or write `find` instead of a pattern"),
    (POSTGRES, "ALTER TABLE $T ADD COLUMN $C $TYPE NULL",
     "NULL in the pattern is not asked for: the facts of postgres do not keep it",
     "leave it out, or write `find` instead of a pattern"),
    (SQLITE, "ALTER TABLE $t ADD COLUMN $C $TYPE", "$t in the pattern is no metavariable",
     "capital letters make one: $T"),
    (SQLITE, "DELETE FROM $LINE",
     "$LINE cannot be a metavariable's name: it has a meaning already", ""),
    (SQLITE, "$T",
     "the pattern cannot be read in sqlite: $T does not start a statement that is known",
     "it stops at the mark: >>>$T"),
    (SQLITE, "",
     "the pattern cannot be read in sqlite: nothing does not start a statement that is known",
     "it stops at the mark: >>>"),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "pattern", "message", "hint"), REFUSED)
def test_a_pattern_that_would_find_something_else_is_refused(dialect, pattern, message, hint):
    with pytest.raises(RuleInvalid) as refused:
        compiled(pattern, (), "", [Dialect(dialect)])
    assert (refused.value.message, refused.value.hint) == (message, hint)


def test_unless_takes_the_safe_shape_out():
    pattern = "ALTER TABLE $T ADD COLUMN $C $TYPE NOT NULL"
    unless = ["ALTER TABLE $T ADD COLUMN $C $TYPE NOT NULL DEFAULT $D"]
    sql = "alter table note add q int not null default 3; alter table note add r int not null;"
    for dialect in ALL:
        assert [h["C"] for h in hits(dialect, pattern, sql)] == ["q", "r"]
        assert [h["C"] for h in hits(dialect, pattern, sql, unless)] == ["r"]


def test_unless_asks_of_the_same_names():
    sql = "alter table note add q int not null default 3, add r int not null;"
    pattern = "ALTER TABLE $T ADD COLUMN $C $TYPE NOT NULL"
    unless = ["ALTER TABLE $T ADD COLUMN $C $TYPE NOT NULL DEFAULT $D"]
    assert [h["C"] for h in hits(MYSQL, pattern, sql, unless)] == ["r"]


def test_where_sees_the_metavariables_and_the_operation():
    pattern = "DELETE FROM $T WHERE $W"
    sql = "delete from note where a = 1; delete from folder where id = 1;"
    assert [h["T"] for h in hits(SQLITE, pattern, sql, (), "$T <> 'note'")] == ["folder"]
    assert hits(SQLITE, pattern, sql, (), "o.table_in_migration") == []
    with pytest.raises(RuleInvalid, match=r"where names \$X, which is not in the pattern"):
        compiled(pattern, (), "$X = 1", [Dialect.SQLITE])


def test_a_pattern_is_read_in_every_dialect_of_its_rule():
    pattern = "ALTER TABLE $T RENAME TO $N"
    find = compiled(pattern, (), "", list(Dialect))
    assert "UNION ALL" not in find
    apart = compiled("SET lock_timeout = $V", (), "", [Dialect.POSTGRES, Dialect.MYSQL])
    assert apart.count("UNION ALL") == 1
    with pytest.raises(RuleInvalid, match="cannot be read in sqlite"):
        compiled("SET lock_timeout = $V", (), "", list(Dialect))


RULE = """id = "a-rule"
title = "t"
severity = "warning"
category = "c"
dialects = ["sqlite"]
message = "{T} gets {C}"
remedy = "r"
"""


def write(root, text):
    path = root / "rules" / "a-rule" / "rule.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_rule_with_a_pattern_needs_nothing_else(tmp_path):
    rule = read(write(tmp_path, RULE + 'pattern = "ALTER TABLE $T ADD COLUMN $C $TYPE"\n'))
    assert rule.pattern == "ALTER TABLE $T ADD COLUMN $C $TYPE"
    assert str(rule.needs) == "schema"
    assert rule.find.startswith("WITH p AS (SELECT")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('pattern = "DROP $T"\n', "the pattern cannot be read in sqlite"),
        ('pattern = "DROP TABLE $T"\nfind = "SELECT 1"\n', "exclude each other"),
        ('pattern = 3\n', "pattern must be text"),
        ('pattern = "DROP TABLE $T"\nunless = [1]\n', "unless a text or a list of texts"),
        ('find = "SELECT 1"\nneeds = "schema"\nunless = "DROP TABLE $T"\n', "belong to a pattern"),
        ('pattern = "DROP TABLE $T"\nneeds = "data"\nfor_each = "SELECT 1"\n', "over the facts"),
    ],
)  # fmt: skip
def test_a_wrong_rule_with_a_pattern_names_its_place(tmp_path, keys, said):
    with pytest.raises(RuleInvalid) as refused:
        read(write(tmp_path, RULE + keys))
    assert said in refused.value.message
    assert refused.value.place == "rules/a-rule/rule.toml"


def test_lint_fills_the_message_with_the_metavariables(project, inside):
    text = RULE + 'pattern = "ALTER TABLE $T ADD COLUMN $C $TYPE"\n'
    root = project(
        {
            "migsafe.toml": '[rules]\npaths = ["rules"]\n',
            "rules/a-rule/rule.toml": text,
            "migrations/0001_a.sql": "CREATE TABLE note (id INTEGER PRIMARY KEY);\n",
            "migrations/0002_b.sql": "-- b\nALTER TABLE note ADD COLUMN body TEXT;\n",
        }
    )
    run = inside("lint", "--format", "json", cwd=root)
    (finding,) = run.json["findings"]
    assert (finding["rule"], finding["path"], finding["line"]) == (
        "a-rule", "migrations/0002_b.sql", 2,
    )  # fmt: skip
    assert finding["message"] == "note gets body"
    assert finding["evidence"] == {
        "tbl": "note", "col": "body", "T": "note", "C": "body", "TYPE": "TEXT",
    }  # fmt: skip


def test_a_pattern_that_cannot_be_read_is_a_usage_error(project, inside):
    root = project(
        {
            "migsafe.toml": '[rules]\npaths = ["rules"]\n',
            "rules/a-rule/rule.toml": RULE + 'pattern = "ALTER TABLE $T MODIFY $C"\n',
            "migrations/0001_a.sql": "CREATE TABLE note (id INTEGER PRIMARY KEY);\n",
        }
    )
    run = inside("lint", cwd=root)
    assert run.code == 2
    assert run.err == (
        "migsafe: rules/a-rule/rule.toml: the pattern cannot be read in sqlite:"
        " DROP expected, MODIFY found\n"
        "  hint: it stops at the mark: ALTER TABLE $T >>>MODIFY $C\n"
    )
