"""Single steps of `fold`: sharing, three-valued knowledge, refusals, other dialects."""

from __future__ import annotations

from dataclasses import replace

import pytest

from migsafe.model.migration import Dialect, Kind, Operation
from migsafe.model.schema import (
    Check,
    Column,
    ForeignKey,
    Index,
    IndexColumn,
    Schema,
    Table,
    Unique,
)
from migsafe.schema.fold import fold
from migsafe.sql.parse import operations


def folded(*statements: str, schema: Schema | None = None) -> Schema:
    schema = schema or Schema()
    for sql in statements:
        for operation in operations(sql, Dialect.SQLITE):
            schema = fold(schema, operation, Dialect.SQLITE)
    return schema


USERS = "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, age INT CHECK (age > 0))"
POSTS = "CREATE TABLE posts (id INTEGER PRIMARY KEY, author INT REFERENCES users (id))"


def test_untouched_tables_are_shared() -> None:
    before = folded(USERS, POSTS)
    after = folded("ALTER TABLE users ADD COLUMN name TEXT", schema=before)
    assert after.tables["posts"] is before.tables["posts"]
    assert after.indexes is before.indexes
    assert [c.name for c in after.tables["users"].columns] == ["id", "email", "age", "name"]


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE users (other)",
        "CREATE TABLE IF NOT EXISTS Users (other)",
        "CREATE TABLE one_index (a)",
        "CREATE TABLE seen (a)",
        "CREATE INDEX one_index ON users (age)",
        "CREATE INDEX users ON posts (id)",
        "CREATE VIEW users AS SELECT 1",
        "DROP TABLE IF EXISTS absent",
        "DROP TABLE seen",
        "DROP VIEW users",
        "DROP INDEX IF EXISTS absent",
        "DROP TRIGGER IF EXISTS absent",
        "DROP VIEW IF EXISTS absent",
        "ALTER TABLE users RENAME TO posts",
        "ALTER TABLE users ADD COLUMN email TEXT",
        "ALTER TABLE users DROP COLUMN absent",
        "ALTER TABLE users DROP COLUMN id",
        "ALTER TABLE users DROP COLUMN email",
        "ALTER TABLE users RENAME COLUMN absent TO b",
        "ALTER TABLE users RENAME COLUMN email TO age",
        "ALTER TABLE seen ADD COLUMN b",
        "ALTER TABLE seen RENAME TO b",
        "INSERT INTO users (id) VALUES (1)",
        "PRAGMA foreign_keys = ON",
        "BEGIN",
    ],
)
def test_what_the_engine_refuses_or_what_changes_no_schema_gives_the_same_object(sql: str) -> None:
    schema = folded(
        USERS, POSTS, "CREATE INDEX one_index ON users (email)", "CREATE VIEW seen AS SELECT 1 AS b"
    )
    assert folded(sql, schema=schema) is schema


def test_dropping_a_table_takes_its_indexes_and_triggers_along() -> None:
    schema = folded(
        USERS,
        POSTS,
        "CREATE INDEX i ON Users (email)",
        "CREATE INDEX j ON posts (author)",
        "CREATE TRIGGER t AFTER INSERT ON users BEGIN DELETE FROM posts; END",
        "CREATE TRIGGER u AFTER INSERT ON posts BEGIN DELETE FROM users; END",
        "CREATE VIEW v AS SELECT id FROM users",
        "DROP TABLE users",
    )
    assert (set(schema.tables), set(schema.indexes)) == ({"posts"}, {"j"})
    assert (set(schema.triggers), set(schema.views)) == ({"u"}, {"v"})


def test_the_rebuild_of_a_table_leaves_foreign_keys_on_the_new_one() -> None:
    schema = folded(
        USERS,
        POSTS,
        "CREATE TABLE new_users (id INTEGER PRIMARY KEY, boss INT REFERENCES new_users)",
        "DROP TABLE users",
        "ALTER TABLE new_users RENAME TO users",
    )
    assert list(schema.tables) == ["posts", "users"]
    assert schema.tables["posts"].foreign_keys[0].ref_table == "users"
    assert schema.tables["users"].foreign_keys[0].ref_table == "users"


def test_a_renamed_table_is_followed_by_everything_that_names_it() -> None:
    schema = folded(
        USERS,
        POSTS,
        "CREATE INDEX i ON users (lower(users.email)) WHERE users.age > 1",
        "CREATE TRIGGER t AFTER INSERT ON posts BEGIN UPDATE users SET age = 1 "
        "WHERE users.id IN (SELECT author FROM posts); END",
        "CREATE VIEW v AS SELECT users.id FROM posts, users",
        "ALTER TABLE users RENAME TO members",
    )
    assert schema.tables["posts"].foreign_keys[0].ref_table == "members"
    assert schema.indexes["i"] == Index(
        "i", "members", (IndexColumn("lower(members.email)", True),), where="members.age > 1"
    )
    assert "UPDATE members SET age = 1 WHERE members.id IN" in schema.triggers["t"].body
    assert schema.triggers["t"].mentions == ("members", "posts")
    assert schema.views["v"].select == "SELECT members.id FROM posts, members"


def test_a_renamed_column_is_followed_by_everything_that_names_it() -> None:
    schema = folded(
        "CREATE TABLE t (a UNIQUE CHECK (a > 0), b AS (a + 1), FOREIGN KEY (a) REFERENCES t (a))",
        "CREATE TABLE child (x REFERENCES t (a))",
        "CREATE INDEX i ON t (a, a || 'a') WHERE a <> 'a'",
        "CREATE TRIGGER tr AFTER UPDATE OF a ON t BEGIN DELETE FROM child WHERE x = new.a; END",
        "CREATE VIEW v AS SELECT a AS k, 'a' FROM t",
        "ALTER TABLE t RENAME COLUMN A TO z",
    )
    table = schema.tables["t"]
    assert [c.name for c in table.columns] == ["z", "b"]
    assert table.columns[1].generated == "z + 1"
    assert table.uniques == (Unique(("z",)),)
    assert table.checks == (Check("z > 0"),)
    assert table.foreign_keys == (ForeignKey(("z",), "t", ("z",)),)
    assert schema.tables["child"].foreign_keys == (ForeignKey(("x",), "t", ("z",)),)
    index = schema.indexes["i"]
    assert [c.name for c in index.columns] == ["z", "z || 'a'"]
    assert index.where == "z <> 'a'"
    assert schema.triggers["tr"].event == "UPDATE OF z"
    assert "x = new.z" in schema.triggers["tr"].body
    assert schema.views["v"].select == "SELECT z AS k, 'a' FROM t"


def test_a_text_that_does_not_settle_which_column_is_meant_becomes_unknown() -> None:
    schema = folded(
        "CREATE TABLE t (a, b)",
        "CREATE TABLE u (a)",
        "CREATE VIEW unclear AS SELECT b FROM t WHERE EXISTS (SELECT 1 FROM u WHERE a = b)",
        "CREATE VIEW clear AS SELECT t.a FROM t, u",
        "ALTER TABLE t RENAME COLUMN a TO z",
    )
    assert schema.views["unclear"].select == ""
    assert schema.views["clear"].select == "SELECT t.z FROM t, u"
    assert schema.complete


def test_a_dropped_column_leaves_texts_that_still_name_it_unknown() -> None:
    # SQLite takes "b" for text from here on, and rewrites it so at the next ALTER TABLE.
    schema = folded(
        "CREATE TABLE t (a, b)",
        'CREATE VIEW v AS SELECT "b" FROM t',
        "CREATE VIEW w AS SELECT a FROM t",
        "ALTER TABLE t DROP COLUMN b",
    )
    assert schema.views["v"].select == ""
    assert schema.views["w"].select == "SELECT a FROM t"


def test_temporary_objects_win_over_main_ones() -> None:
    schema = folded(
        "CREATE TABLE t (a)",
        "CREATE TEMP TABLE t (b)",
        "CREATE INDEX i ON t (b)",
        "ALTER TABLE t ADD COLUMN c",
        "CREATE TEMP VIEW v AS SELECT 1",
    )
    assert [c.name for c in schema.tables["temp.t"].columns] == ["b", "c"]
    assert [c.name for c in schema.tables["t"].columns] == ["a"]
    assert (set(schema.indexes), set(schema.views)) == ({"temp.i"}, {"temp.v"})
    assert set(folded("DROP TABLE t", schema=schema).tables) == {"t"}
    assert folded("DROP TABLE t", schema=schema).indexes == {}


# -- what comes from outside the known history ---------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "table", "columns"),
    [
        ("ALTER TABLE old ADD COLUMN a INT", "old", ["a"]),
        ("ALTER TABLE old DROP COLUMN a", "old", []),
        ("ALTER TABLE old RENAME COLUMN a TO b", "old", []),
        ("ALTER TABLE old RENAME TO new", "new", []),
        ("CREATE INDEX i ON old (a)", "old", []),
        ("CREATE TRIGGER t INSERT ON old BEGIN SELECT 1; END", "old", []),
    ],
)
def test_a_table_never_seen_created_is_known_in_part(
    sql: str, table: str, columns: list[str]
) -> None:
    schema = folded(sql)
    assert not schema.complete
    assert list(schema.tables) == [table]
    assert not schema.tables[table].complete
    assert [c.name for c in schema.tables[table].columns] == columns


@pytest.mark.parametrize(
    "sql", ["DROP TABLE old", "DROP INDEX old", "DROP TRIGGER old", "DROP VIEW old", "MERGE INTO t"]
)
def test_what_must_have_been_there_makes_the_schema_incomplete(sql: str) -> None:
    schema = folded(sql)
    assert not schema.complete
    assert schema.tables == {}


def test_sqlites_own_tables_are_never_missing() -> None:
    schema = Schema()
    assert folded("DROP TABLE sqlite_stat1", schema=schema) is schema


def test_program_code_makes_the_schema_incomplete_and_later_statements_are_believed() -> None:
    schema = fold(folded(USERS), Operation(Kind.OPAQUE), Dialect.SQLITE)
    assert not schema.complete
    assert fold(schema, Operation(Kind.OPAQUE), Dialect.SQLITE) is schema
    again = folded("CREATE TABLE users (id)", schema=schema)
    assert [c.name for c in again.tables["users"].columns] == ["id"]


def test_a_table_made_from_a_query_has_unknown_columns() -> None:
    schema = folded(USERS, "CREATE TABLE copy AS SELECT * FROM users")
    assert schema.complete
    assert not schema.tables["copy"].complete


# -- constraints and other dialects ---------------------------------------------------------------


def test_a_column_is_altered_in_place_and_stays_in_the_key() -> None:
    schema = Schema({"t": Table("t", (Column("id", "int", primary_key=1), Column("a", "int")))})
    new = Table("t", (Column("id", "bigint", not_null=True),), complete=False)
    operation = Operation(Kind.ALTER_COLUMN, table="t", column="id", definition=new)
    column = fold(schema, operation, Dialect.POSTGRES).tables["t"].columns[0]
    assert column == Column("id", "bigint", not_null=True, primary_key=1)


def test_an_altered_column_may_get_another_name() -> None:
    schema = Schema({"t": Table("t", (Column("a", "int"),), uniques=(Unique(("a",)),))})
    new = Table("t", (Column("b", "text"),), complete=False)
    operation = Operation(Kind.ALTER_COLUMN, table="t", column="a", definition=new)
    table = fold(schema, operation, Dialect.MYSQL).tables["t"]
    assert table.columns == (Column("b", "text"),)
    assert table.uniques == (Unique(("b",)),)


def test_constraints_come_and_go_by_name() -> None:
    schema = Schema({"t": Table("t", (Column("a"), Column("b")))})
    unique = Table("t", uniques=(Unique(("a", "b"), "u"),), complete=False)
    added = Operation(Kind.ADD_CONSTRAINT, table="t", name="u", definition=unique)
    with_unique = fold(schema, added, Dialect.POSTGRES)
    assert with_unique.tables["t"].uniques == (Unique(("a", "b"), "u"),)
    dropped = Operation(Kind.DROP_CONSTRAINT, table="t", name="U")
    assert fold(with_unique, dropped, Dialect.POSTGRES).tables == schema.tables


@pytest.mark.parametrize(
    ("table", "name"),
    [
        (Table("t", (Column("a"),), uniques=(Unique(("a",)),)), "t_a_key"),
        (Table("t", (Column("a"),), foreign_keys=(ForeignKey(("a",), "p"),)), "t_a_fkey"),
        (Table("t", (Column("a", primary_key=1),)), "t_pkey"),
    ],
)
def test_postgres_names_of_nameless_constraints_are_known(table: Table, name: str) -> None:
    operation = Operation(Kind.DROP_CONSTRAINT, table="t", name=name)
    left = fold(Schema({"t": table}), operation, Dialect.POSTGRES).tables["t"]
    assert left.columns[0].primary_key == 0
    assert not left.uniques
    assert not left.foreign_keys


def test_dropping_an_unknown_constraint_leaves_the_table_known_in_part() -> None:
    schema = Schema({"t": Table("t", (Column("a"),))})
    operation = Operation(Kind.DROP_CONSTRAINT, table="t", name="who_knows")
    left = fold(schema, operation, Dialect.POSTGRES).tables["t"]
    assert left == replace(schema.tables["t"], complete=False)


def test_a_dropped_column_takes_its_constraints_and_indexes_along_on_servers() -> None:
    table = Table(
        "t",
        (Column("a", primary_key=1), Column("b")),
        (Unique(("a", "b")), Unique(("b",))),
        (ForeignKey(("a",), "p"),),
        (Check("a > b"), Check("b > 0")),
    )
    indexes = {"i": Index("i", "t", (IndexColumn("a"),)), "j": Index("j", "t", (IndexColumn("b"),))}
    operation = Operation(Kind.DROP_COLUMN, table="t", column="A")
    after = fold(Schema({"t": table}, indexes), operation, Dialect.POSTGRES)
    assert after.tables["t"] == Table("t", (Column("b"),), (Unique(("b",)),), (), (Check("b > 0"),))
    assert set(after.indexes) == {"j"}


def test_mysql_indexes_are_each_tables_own() -> None:
    schema = Schema({"t": Table("t", (Column("a"),)), "u": Table("u", (Column("a"),))})
    for name in ("t", "u"):
        index = Index("i", name, (IndexColumn("a"),))
        operation = Operation(Kind.CREATE_INDEX, table=name, name="i", definition=index)
        schema = fold(schema, operation, Dialect.MYSQL)
    assert [i.table for i in schema.indexes.values()] == ["t", "u"]
    dropped = Operation(Kind.DROP_INDEX, table="u", name="i")
    assert [i.table for i in fold(schema, dropped, Dialect.MYSQL).indexes.values()] == ["t"]
