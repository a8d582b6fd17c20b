"""Definitions are read as SQLite reads them; real SQLite is the judge."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migsafe.model.migration import Dialect, Kind
from migsafe.model.schema import (
    Check,
    Column,
    ForeignKey,
    Index,
    IndexColumn,
    Table,
    Trigger,
    Unique,
    View,
)
from migsafe.sql.parse import create, operations
from migsafe.sql.tokens import joined, stripped, tokenize


def value(text: str | None) -> str | None:
    return None if text is None else joined(stripped(tokenize(text, Dialect.SQLITE)))


def table_of(sql: str) -> Table:
    found = create(sql)
    assert isinstance(found, Table), operations(sql, Dialect.SQLITE)
    return found


def live_columns(database: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    rows = database.execute("SELECT * FROM pragma_table_xinfo(?)", (table,))
    return [
        (name, "".join(type_.split()).upper(), not_null, value(default), key, hidden)
        for _, name, type_, not_null, default, key, hidden in rows
    ]


def read_columns(table: Table) -> list[tuple[object, ...]]:
    return [
        (
            c.name,
            "".join(c.type.split()).upper(),
            # SQLite adds NOT NULL to the key columns of a WITHOUT ROWID table
            int(c.not_null or (table.without_rowid and c.primary_key > 0)),
            value(c.default),
            c.primary_key,
            (3 if c.stored else 2) if c.generated else 0,
        )
        for c in table.columns
    ]


def live_foreign_keys(database: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    keys: dict[int, list[tuple[str | None, ...]]] = {}
    for row in database.execute("SELECT * FROM pragma_foreign_key_list(?)", (table,)):
        keys.setdefault(row[0], []).append(row[2:7])
    return [
        (
            tuple(r[1] for r in rows),
            rows[0][0],
            tuple(r[2] for r in rows if r[2] is not None),
            rows[0][4],
            rows[0][3],
        )
        for _, rows in sorted(keys.items(), reverse=True)
    ]


def read_foreign_keys(table: Table) -> list[tuple[object, ...]]:
    return [
        (k.columns, k.ref_table, k.ref_columns, k.on_delete, k.on_update)
        for k in table.foreign_keys
    ]


def live_uniques(database: sqlite3.Connection, table: str) -> set[tuple[str, ...]]:
    names = [
        r[1]
        for r in database.execute("SELECT * FROM pragma_index_list(?)", (table,))
        if r[3] == "u"
    ]
    return {
        tuple(r[2] for r in database.execute("SELECT * FROM pragma_index_info(?)", (name,)))
        for name in names
    }


def live_options(database: sqlite3.Connection, table: str) -> tuple[int, int]:
    row = database.execute("SELECT wr, strict FROM pragma_table_list(?)", (table,)).fetchone()
    return int(row[0]), int(row[1])


def check_table(sql: str) -> Table:
    table = table_of(sql)
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(sql)
        assert read_columns(table) == live_columns(database, table.name)
        assert read_foreign_keys(table) == live_foreign_keys(database, table.name)
        read = {u.columns for u in table.uniques}
        # SQLite makes no index for a UNIQUE that repeats the primary key
        assert live_uniques(database, table.name) in (read, read - {table.primary_key})
        assert (table.without_rowid, table.strict) == live_options(database, table.name)
    return table


TABLES = [
    "CREATE TABLE t (a)",
    "create table if not exists T(a integer primary key)",
    "CREATE TABLE main.t (a INTEGER PRIMARY KEY AUTOINCREMENT, b TEXT NOT NULL)",
    "CREATE TABLE t (a INTEGER PRIMARY KEY DESC)",
    "CREATE TABLE t (a INT PRIMARY KEY ASC ON CONFLICT REPLACE)",
    "CREATE TABLE t (a UNSIGNED BIG INT, b VARCHAR ( 20 ), c DECIMAL(10, 2), d DOUBLE PRECISION)",
    "CREATE TABLE t (a VARYING CHARACTER(255), b NATIVE CHARACTER (70), c INT8, d NUM(+1,-2))",
    "CREATE TABLE t (a int foo bar NOT NULL, b int auto_increment, c datetime)",
    "CREATE TABLE t (a DEFAULT -1, b DEFAULT +1.5, c DEFAULT - 2, d DEFAULT 1e3)",
    "CREATE TABLE t (a DEFAULT 'x', b DEFAULT 'it''s', c DEFAULT \"x\", d DEFAULT x'00')",
    "CREATE TABLE t (a DEFAULT (1 + 2), b DEFAULT ((1)), c DEFAULT (datetime('now')))",
    "CREATE TABLE t (a DEFAULT CURRENT_TIMESTAMP, b DEFAULT current_date, c DEFAULT CURRENT_TIME)",
    "CREATE TABLE t (a DEFAULT TRUE, b DEFAULT false, c DEFAULT NULL, d DEFAULT name)",
    "CREATE TABLE t (a INT DEFAULT 1 NOT NULL, b TEXT NOT NULL DEFAULT '' CHECK (b <> 'x'))",
    "CREATE TABLE t (a NOT NULL ON CONFLICT IGNORE UNIQUE ON CONFLICT ROLLBACK, b NULL)",
    "CREATE TABLE t (a NULL ON CONFLICT FAIL, b UNIQUE)",
    "CREATE TABLE t (a TEXT COLLATE NOCASE, b COLLATE \"rtrim\" UNIQUE)",
    "CREATE TABLE t (a, b GENERATED ALWAYS AS (a + 1), c INT AS (a || 'x') STORED NOT NULL)",
    "CREATE TABLE t (a, b AS (a) VIRTUAL UNIQUE, generated, c generated)",
    "CREATE TABLE t (a REFERENCES u)",
    "CREATE TABLE t (a REFERENCES u(x) NOT NULL DEFAULT 1, b INT REFERENCES u NULL)",
    "CREATE TABLE t (a REFERENCES u ON DELETE CASCADE ON UPDATE SET NULL)",
    "CREATE TABLE t (a REFERENCES u ON DELETE SET DEFAULT MATCH FULL ON UPDATE RESTRICT)",
    "CREATE TABLE t (a REFERENCES u ON DELETE NO ACTION DEFERRABLE INITIALLY DEFERRED, b)",
    "CREATE TABLE t (a REFERENCES u NOT DEFERRABLE INITIALLY IMMEDIATE NOT NULL)",
    "CREATE TABLE t (a REFERENCES u NOT NULL DEFERRABLE INITIALLY DEFERRED UNIQUE)",
    "CREATE TABLE t (a REFERENCES u ON INSERT CASCADE)",
    "CREATE TABLE t (a, b, FOREIGN KEY (a, b) REFERENCES u (x, y) ON DELETE CASCADE)",
    "CREATE TABLE t (a, b, FOREIGN KEY (a) REFERENCES u, FOREIGN KEY(b) REFERENCES v DEFERRABLE)",
    "CREATE TABLE t (a, b, PRIMARY KEY (b, a), UNIQUE (a), UNIQUE (b, a) ON CONFLICT IGNORE)",
    "CREATE TABLE t (a, b, PRIMARY KEY (a COLLATE NOCASE DESC, b ASC) ON CONFLICT FAIL)",
    "CREATE TABLE t (a INTEGER, PRIMARY KEY (a AUTOINCREMENT))",
    "CREATE TABLE t (a, b, CONSTRAINT p PRIMARY KEY (a) CONSTRAINT q UNIQUE (b) CHECK (a > b))",
    "CREATE TABLE t (a CONSTRAINT nil, b CONSTRAINT n NOT NULL CONSTRAINT c CHECK (b > 0))",
    "CREATE TABLE t (a, b, CONSTRAINT nil CONSTRAINT x UNIQUE (a), CHECK (a), CONSTRAINT y)",
    "CREATE TABLE t (key, action TEXT, \"order\", [asc], `index`, 'str', desc, plan, \"x y\")",
    "CREATE TABLE \"odd name\" (\"a\"\"b\" INT, [c d] TEXT)",
    "CREATE TABLE t (a INT -- first, column\n, b /* second */ TEXT /* ) */ NOT NULL -- )\n)",
    "CREATE TABLE t (a INT PRIMARY KEY, b) WITHOUT ROWID",
    "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, c ANY) STRICT",
    "CREATE TABLE t (a TEXT PRIMARY KEY) STRICT, without rowid",
    "CREATE TABLE t (a, primary_key TEXT, uniques, checked)",
    "CREATE TABLE t (a CHECK (a IN ('(', ')', ',')), b)",
    "CREATE TABLE t (a 'quoted type', b \"VARCHAR\"(10))",
    "CREATE TABLE t (é TEXT, 日本 INT)",
]  # fmt: skip


@pytest.mark.parametrize("sql", TABLES)
def test_tables_are_read_as_sqlite_reads_them(sql):
    check_table(sql)


def test_what_no_pragma_tells():
    table = check_table(
        "CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT, b TEXT COLLATE nocase,"
        " c AS (A + 1) STORED, d CONSTRAINT pos CHECK (( D > 0 )), e CONSTRAINT f REFERENCES u,"
        " CONSTRAINT named UNIQUE (b), CHECK (lower(B)='x') CONSTRAINT g FOREIGN KEY (d)"
        " REFERENCES v(w) DEFERRABLE INITIALLY DEFERRED)"
    )
    assert table.autoincrement
    assert [c.collation for c in table.columns] == ["", "NOCASE", "", "", ""]
    assert table.columns[2].generated == "a + 1"
    assert table.uniques == (Unique(("b",), "named"),)
    assert table.checks == (Check("d > 0", "pos"), Check("lower(b) = 'x'"))
    assert table.foreign_keys == (
        ForeignKey(("e",), "u", name="f"),
        ForeignKey(("d",), "v", ("w",), deferred=True, name="g"),
    )


@pytest.mark.parametrize(
    ("clause", "deferred"),
    [
        ("", False),
        ("DEFERRABLE", False),
        ("DEFERRABLE INITIALLY IMMEDIATE", False),
        ("DEFERRABLE INITIALLY DEFERRED", True),
        ("NOT DEFERRABLE", False),
        ("NOT DEFERRABLE INITIALLY DEFERRED", False),
        ("NOT NULL DEFERRABLE INITIALLY DEFERRED", True),
    ],
)
def test_a_foreign_key_is_deferred_where_sqlite_defers_it(clause, deferred):
    sql = f"CREATE TABLE t (a REFERENCES u(x) {clause})"
    assert table_of(sql).foreign_keys[0].deferred is deferred
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        database.executescript(f"CREATE TABLE u(x PRIMARY KEY); {sql}; PRAGMA foreign_keys=1;")
        database.execute("BEGIN")
        waits = True
        try:
            database.execute("INSERT INTO t VALUES (1)")
        except sqlite3.IntegrityError:
            waits = False
        assert waits is deferred
        database.execute("ROLLBACK")


def test_default_keeps_its_own_words():
    table = table_of("CREATE TABLE t (a DEFAULT (1+ 2), b DEFAULT - 1, c DEFAULT 'X', d)")
    assert [c.default for c in table.columns] == ["(1+ 2)", "- 1", "'X'", None]


def test_the_type_keeps_its_own_words():
    table = table_of("CREATE TABLE t (a VarChar ( 20 ), b UNSIGNED\n BIG/* c */INT, c 'T')")
    assert [c.type for c in table.columns] == ["VarChar ( 20 )", "UNSIGNED BIG INT", "T"]


@pytest.mark.parametrize("word", ["TEMP", "TEMPORARY"])
def test_temporary_tables(word):
    assert table_of(f"CREATE {word} TABLE t (a)").temporary
    assert operations("CREATE TABLE temp.t (a)", Dialect.SQLITE)[0].temporary


@pytest.mark.parametrize(
    ("sql", "module"),
    [
        ("CREATE VIRTUAL TABLE v USING fts5(a, b, tokenize='porter', content=\"\")", "fts5"),
        ("CREATE VIRTUAL TABLE IF NOT EXISTS main.v USING FTS4", "fts4"),
        ("CREATE VIRTUAL TABLE v USING rtree(id, x0, x1)", "rtree"),
    ],
)
def test_virtual_tables(sql, module):
    table = table_of(sql)
    assert (table.name, table.virtual, table.columns) == ("v", module, ())


BROKEN = [
    "CREATE",
    "CREATE TABLE",
    "CREATE TABLE t",
    "CREATE TABLE t (",
    "CREATE TABLE t ()",
    "CREATE TABLE t (a",
    "CREATE TABLE t (a,)",
    "CREATE TABLE t (a))",
    "CREATE TABLE t (a) nonsense",
    "CREATE TABLE t (a) WITHOUT",
    "CREATE TABLE t (select INT)",
    "CREATE TABLE table (a)",
    "CREATE TABLE t (a INT AUTOINCREMENT)",
    "CREATE TABLE t (a DEFAULT)",
    "CREATE TABLE t (a DEFAULT NOT NULL)",
    "CREATE TABLE t (a DEFAULT now())",
    "CREATE TABLE t (a NOT)",
    "CREATE TABLE t (a ON DELETE CASCADE)",
    "CREATE TABLE t (a REFERENCES u ON DELETE NONSENSE)",
    "CREATE TABLE t (a REFERENCES u ON CASCADE)",
    "CREATE TABLE t (a UNIQUE ON CONFLICT NONSENSE)",
    "CREATE TABLE t (a, UNIQUE)",
    "CREATE TABLE t (a, UNIQUE ())",
    "CREATE TABLE t (a, PRIMARY (a))",
    "CREATE TABLE t (a, FOREIGN KEY a REFERENCES u)",
    "CREATE TABLE t (a CHECK a > 0)",
    "CREATE TABLE t (PRIMARY KEY (a))",
    "CREATE UNIQUE TABLE t (a)",
    "CREATE VIRTUAL INDEX i ON t (a)",
    "CREATE TEMP INDEX i ON t (a)",
    "CREATE INDEX i ON t",
    "CREATE INDEX i ON t ()",
    "CREATE INDEX i (a)",
    "CREATE UNIQUE i ON t (a)",
    "CREATE VIEW v",
    "CREATE VIEW v AS",
    "CREATE VIEW v AS DELETE FROM t",
    "CREATE TABLE x AS",
    "CREATE TABLE x AS DELETE FROM t",
    "CREATE VIRTUAL TABLE v (a)",
    "CREATE TRIGGER r DELETE ON t BEGIN END",
    "CREATE TRIGGER r DELETE ON t BEGIN SELECT 1 END",
    "CREATE TRIGGER r DELETE ON t BEGIN SELECT 1;",
    "CREATE TRIGGER r DELETE ON t BEGIN DROP TABLE t; END",
    "CREATE TRIGGER r DELETE ON t BEGIN SELECT 1; DROP TABLE t; END",
    "CREATE TRIGGER r ON t BEGIN SELECT 1; END",
    "CREATE TRIGGER r SELECT ON t BEGIN SELECT 1; END",
    "CREATE TRIGGER r DELETE BEGIN SELECT 1; END",
    "CREATE FUNCTION f (a)",
]


@pytest.mark.parametrize("sql", BROKEN)
def test_what_sqlite_refuses_is_unread(sql):
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE t (a)") if "TABLE t" not in sql else None
        with pytest.raises(sqlite3.OperationalError):
            database.execute(sql)
    assert [o.kind for o in operations(sql, Dialect.SQLITE)] == [Kind.UNREAD]
    assert create(sql) is None


# -- indexes --------------------------------------------------------------------------------------


def check_index(sql: str) -> Index:
    index = create(sql)
    assert isinstance(index, Index)
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute('CREATE TABLE t (a, b, "c d", "order", desc)')
        database.execute(sql)
        terms = database.execute(
            "SELECT cid, name, desc, coll FROM pragma_index_xinfo(?) WHERE key", (index.name,)
        ).fetchall()
        unique, partial = database.execute(
            "SELECT \"unique\", partial FROM pragma_index_list('t')"
        ).fetchone()
    assert [
        ("" if c.expression else c.name, c.descending, c.collation or "BINARY")
        for c in index.columns
    ] == [(name or "", bool(desc), coll.upper()) for _, name, desc, coll in terms]
    assert (index.unique, bool(index.where)) == (bool(unique), bool(partial))
    return index


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX i ON t (a)",
        "CREATE UNIQUE INDEX IF NOT EXISTS main.i ON t (a, b)",
        "CREATE INDEX i ON t (a DESC, b ASC)",
        'CREATE INDEX i ON t (a COLLATE NOCASE, b COLLATE "rtrim" DESC)',
        "CREATE INDEX i ON t (\"c d\", [order], `a`, 'b')",
        "CREATE INDEX i ON t (lower(a), a + b DESC, (b))",
        "CREATE INDEX i ON t (lower(a) COLLATE NOCASE)",
        "CREATE INDEX i ON t (desc DESC)",
        "CREATE INDEX i ON t (desc)",
        "CREATE UNIQUE INDEX i ON t (a) WHERE b IS NOT NULL AND a IN (1, 2)",
        "CREATE INDEX i /* x */ ON t -- y\n (a /* , b */)",
    ],
)
def test_indexes_are_read_as_sqlite_reads_them(sql):
    check_index(sql)


def test_the_texts_of_an_index():
    index = check_index("CREATE INDEX i ON t (Lower( A ), b) WHERE (A  > 0)")
    assert index.columns == (IndexColumn("lower(a)", expression=True), IndexColumn("b"))
    assert index.where == "a > 0"


# -- triggers and views ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "timing", "event"),
    [
        ("BEFORE INSERT ON t", "BEFORE", "INSERT"),
        ("AFTER DELETE ON t FOR EACH ROW", "AFTER", "DELETE"),
        ("INSTEAD OF UPDATE ON v", "INSTEAD OF", "UPDATE"),
        ('UPDATE OF a, "B" ON t WHEN new.a > (SELECT 1)', "", "UPDATE OF a, b"),
        ("insert on main.t", "", "INSERT"),
    ],
)
def test_triggers(head, timing, event):
    sql = (
        f"CREATE TRIGGER IF NOT EXISTS tr {head} BEGIN\n"
        " INSERT INTO log(x) SELECT a FROM u, w; -- end\n"
        " UPDATE OR IGNORE x SET a = CASE WHEN 1 THEN 2 END; DELETE FROM y; END"
    )
    trigger = create(sql)
    assert isinstance(trigger, Trigger)
    table = "v" if timing == "INSTEAD OF" else "t"
    assert (trigger.name, trigger.table, trigger.timing, trigger.event) == (
        "tr", table, timing, event,
    )  # fmt: skip
    assert trigger.mentions == ("log", "u", "w", "x", "y")
    assert trigger.body.endswith("DELETE FROM y; END")
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript("CREATE TABLE t(a, b); CREATE VIEW v AS SELECT * FROM t;")
        database.execute(sql)
        assert database.execute(
            "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall() == [("tr", table)]


@pytest.mark.parametrize(
    ("sql", "columns", "mentions"),
    [
        ("CREATE VIEW v AS SELECT * FROM t JOIN u ON t.a = u.a, w", (), ("t", "u", "w")),
        ("CREATE TEMP VIEW IF NOT EXISTS v(a, \"b c\") AS VALUES (1, 2)", ("a", "b c"), ()),
        ("CREATE VIEW v AS WITH q AS (SELECT * FROM t) SELECT * FROM q", (), ("t",)),
    ],
)  # fmt: skip
def test_views(sql, columns, mentions):
    view = create(sql)
    assert isinstance(view, View)
    assert (view.name, view.columns, view.mentions) == ("v", columns, mentions)


# -- columns that are added -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "definition",
    [
        "b",
        "b TEXT",
        "\"b\" INT NOT NULL DEFAULT 0",
        "b VARCHAR(10) DEFAULT 'x' COLLATE NOCASE",
        "b INT REFERENCES u(x) ON DELETE CASCADE",
        "b INT CHECK (b > 0)",
        "b AS (a + 1)",
        "b INT DEFAULT NULL CONSTRAINT c NOT NULL",
    ],
)  # fmt: skip
def test_an_added_column_is_read_like_one_in_a_table(definition):
    found = operations(f"ALTER TABLE t ADD COLUMN {definition}", Dialect.SQLITE)[0]
    whole = table_of(f"CREATE TABLE t ({definition})")
    assert found.kind is Kind.ADD_COLUMN
    assert found.column == "b"
    assert isinstance(found.definition, Table)
    assert not found.definition.complete
    assert found.definition.columns == whole.columns
    assert found.definition.foreign_keys == whole.foreign_keys
    assert found.definition.checks == whole.checks


# -- any table that SQLite takes ------------------------------------------------------------------

TYPES = ["", "INT", "integer", "VARCHAR(20)", "DECIMAL ( 10 , 2 )", "LONG text", '"my type"']
CONSTRAINTS = [
    "NOT NULL", "NULL", "UNIQUE", "DEFAULT 1", "DEFAULT -1.5", "DEFAULT 'a,)b'", "DEFAULT (1 + 2)",
    "DEFAULT CURRENT_TIME", "COLLATE NOCASE", "CHECK (1 IN (1, 2))", "REFERENCES u",
    "REFERENCES u (x) ON DELETE SET NULL ON UPDATE CASCADE", "CONSTRAINT k", "/* , */", "-- )\n",
    "UNIQUE ON CONFLICT IGNORE", "DEFAULT TRUE", "REFERENCES u DEFERRABLE INITIALLY DEFERRED",
]  # fmt: skip
NAMES = ['"a b"', "key", "[c,d]", "`e`", "Name", "type", "é"]
TABLE_CONSTRAINTS = [
    "PRIMARY KEY (z)", "UNIQUE (z, y)", "CHECK (z > 0)", "CONSTRAINT c UNIQUE (y COLLATE NOCASE)",
    "FOREIGN KEY (z, y) REFERENCES u (p, q) ON DELETE CASCADE", "CONSTRAINT empty",
]  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> str:
    names = draw(st.lists(st.sampled_from(NAMES), max_size=4, unique=True))
    columns = [
        " ".join([name, draw(st.sampled_from(TYPES)), *draw(_clauses())])
        for name in [*names, "z", "y"]
    ]
    tail = draw(st.lists(st.sampled_from(TABLE_CONSTRAINTS), max_size=4, unique=True))
    glue = draw(st.sampled_from([", ", " ", "\n,-- x\n"]))
    body = ", ".join(columns) + ("," + glue.join(tail) if tail else "")
    return f"CREATE TABLE t ({body}\n)"


def _clauses() -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(CONSTRAINTS), max_size=4, unique_by=lambda c: c.split()[0])


@settings(deadline=None, max_examples=100)
@given(tables())
def test_any_table_is_read_as_sqlite_reads_it(sql):
    check_table(sql)


@pytest.mark.slow
@settings(deadline=None, max_examples=4000)
@given(tables())
def test_any_table_at_length(sql):
    check_table(sql)


def _pieces() -> Iterator[str]:
    yield from (t for sql in [*TABLES, *BROKEN] for t in sql.split(" "))


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from(sorted(set(_pieces()))), max_size=12).map(" ".join))
def test_what_is_read_as_a_column_is_a_column(tail):
    """Whatever SQLite refuses to parse may be unread; what it takes must be read."""
    sql = f"CREATE TABLE t (a {tail}"
    with closing(sqlite3.connect(":memory:")) as database:
        try:
            database.execute(sql)
        except sqlite3.Error:
            assert len(operations(sql, Dialect.SQLITE)) == 1
        else:
            assert [c.name for c in table_of(sql).columns] == [
                str(row[0]) for row in live_columns(database, "t")
            ]


def test_columns_of_a_table_keep_their_key_order():
    table = table_of("CREATE TABLE t (a, b, c, PRIMARY KEY (c, A))")
    assert table.primary_key == ("c", "a")
    assert table.columns[1] == Column("b")
