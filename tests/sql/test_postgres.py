"""What PostgreSQL's statements are read as."""

from __future__ import annotations

import pytest

from migsafe.model.migration import Dialect, Kind, Operation
from migsafe.model.schema import Index, Table, UserType
from migsafe.sql.parse import operations
from migsafe.sql.split import split
from migsafe.sql.tokens import tokenize


def read(sql: str) -> tuple[Operation, ...]:
    return operations(sql, Dialect.POSTGRES)


def brief(sql: str) -> list[str]:
    """Each operation as `kind table column name -> new_name value [options]`, what is empty out."""
    found = []
    for o in read(sql):
        words = [o.kind.value, o.table, o.column, o.name, o.new_name and f"-> {o.new_name}"]
        words += [o.value, f"[{', '.join(o.options)}]" if o.options else ""]
        found.append(" ".join(w for w in words if w))
    return found


STATEMENTS = [
    ("ALTER TABLE t RENAME a TO b", ["rename_column t a -> b"]),
    ("ALTER TABLE t RENAME COLUMN a TO b", ["rename_column t a -> b"]),
    ("ALTER TABLE public.T RENAME TO U", ["rename_table t -> u"]),
    ('ALTER TABLE app."T" RENAME TO u', ["rename_table app.T -> app.u"]),
    ("ALTER TABLE t SET SCHEMA app", ["rename_table t -> app.t [set schema]"]),
    ("ALTER TABLE t RENAME CONSTRAINT a TO b", ["rename_constraint t a -> b"]),
    ("ALTER TABLE t VALIDATE CONSTRAINT c", ["validate_constraint t c"]),
    ("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID", ["add_constraint t c [not valid]"]),
    ("ALTER TABLE t ADD CONSTRAINT c NOT NULL a", ["alter_column t a set not null"]),
    (
        "ALTER TABLE t ADD CONSTRAINT c PRIMARY KEY USING INDEX i",
        ["add_constraint t c [primary key, using index=i]"],
    ),
    ("ALTER TABLE t ADD UNIQUE (a, b)", ["add_constraint t"]),
    ("ALTER TABLE t ADD EXCLUDE USING gist (a WITH &&)", ["add_constraint t [exclude]"]),
    ("ALTER TABLE t DROP CONSTRAINT IF EXISTS c CASCADE", ["drop_constraint t c [cascade]"]),
    ("ALTER TABLE t ALTER a SET NOT NULL", ["alter_column t a set not null"]),
    ("ALTER TABLE t ALTER a DROP NOT NULL", ["alter_column t a drop not null"]),
    ("ALTER TABLE t ALTER a SET DEFAULT now()", ["alter_column t a set default"]),
    (
        "ALTER TABLE t ALTER a TYPE int USING a::int, DROP COLUMN b",
        ["alter_column t a type [using=a::int]", "drop_column t b"],
    ),
    (
        "ALTER TABLE t ALTER a ADD GENERATED ALWAYS AS IDENTITY (START 5)",
        ["alter_column t a add identity"],
    ),
    ("ALTER TABLE t ALTER a SET STATISTICS 500", ["alter_column t a set statistics"]),
    ("ALTER TABLE t ALTER a SET (n_distinct = 5)", ["alter_column t a options"]),
    (
        "ALTER TABLE t ALTER CONSTRAINT c DEFERRABLE INITIALLY DEFERRED",
        ["alter_constraint t c deferrable initially deferred"],
    ),
    (
        "ALTER TABLE m ATTACH PARTITION p FOR VALUES IN (1)",
        ["attach_partition m p FOR VALUES IN (1)"],
    ),
    ("ALTER TABLE m DETACH PARTITION p CONCURRENTLY", ["detach_partition m p [concurrently]"]),
    ("ALTER TABLE t ENABLE ROW LEVEL SECURITY", ["table_option t row level security enable"]),
    ("ALTER TABLE t DISABLE TRIGGER ALL", ["table_option t trigger disable [all]"]),
    ("ALTER TABLE t SET UNLOGGED", ["table_option t logged unlogged"]),
    ("ALTER TABLE t CLUSTER ON i", ["table_option t cluster i"]),
    ("ALTER TABLE t OWNER TO bob", ["table_option t owner bob"]),
    ("ALTER TABLE t REPLICA IDENTITY FULL", ["table_option t replica identity full"]),
    ("ALTER INDEX i RENAME TO j", ["rename_index i -> j"]),
    ("ALTER VIEW v RENAME TO w", ["rename_view v -> w"]),
    ("ALTER TYPE e ADD VALUE 'x' BEFORE 'y'", ["alter_type e add value [type, label=x, before=y]"]),
    ("ALTER TYPE e RENAME VALUE 'x' TO 'y'", ["alter_type e rename value [type, old=x, label=y]"]),
    (
        "ALTER DOMAIN d ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID",
        ["alter_type d add constraint [domain, not valid]"],
    ),
    (
        "DROP INDEX CONCURRENTLY IF EXISTS a, app.b",
        ["drop_index a [concurrently]", "drop_index app.b [concurrently]"],
    ),
    ("DROP TABLE a, b CASCADE", ["drop_table a [cascade]", "drop_table b [cascade]"]),
    (
        "DROP FUNCTION f(int), g() CASCADE",
        ["drop_function f function [cascade]", "drop_function g function [cascade]"],
    ),
    ("DROP TRIGGER tr ON t", ["drop_trigger t tr"]),
    (
        "TRUNCATE a, ONLY b RESTART IDENTITY",
        ["truncate a [restart identity]", "truncate b [restart identity]"],
    ),
    (
        "LOCK TABLE a IN SHARE ROW EXCLUSIVE MODE NOWAIT",
        ["lock_table a SHARE ROW EXCLUSIVE [nowait]"],
    ),
    ("REINDEX TABLE CONCURRENTLY t", ["reindex t table [concurrently]"]),
    ("REFRESH MATERIALIZED VIEW CONCURRENTLY v", ["refresh_view v [concurrently]"]),
    ("VACUUM FULL t", ["vacuum t [full]"]),
    ("SET LOCAL lock_timeout = '5s'", ["set lock_timeout 5s [local]"]),
    ("SET statement_timeout TO 0", ["set statement_timeout 0"]),
    ("RESET lock_timeout", ["set lock_timeout DEFAULT"]),
    ("START TRANSACTION ISOLATION LEVEL SERIALIZABLE", ["begin"]),
    ("END", ["commit"]),
    ("CALL app.p(1)", ["call app.p"]),
    ("COMMENT ON COLUMN t.a IS 'x'", ["comment t a column"]),
    ("COPY t (a) FROM stdin", ["copy t from"]),
    ("CREATE EXTENSION IF NOT EXISTS citext", ["create_extension citext"]),
    (
        "CREATE POLICY p ON t AS RESTRICTIVE USING (true)",
        ["create_policy t p AS restrictive USING (true) [restrictive]"],
    ),
    (
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql IMMUTABLE AS 'select 1'",
        ["create_function f f() [function, returns=int, language=sql, immutable]"],
    ),
    ("CREATE SEQUENCE s OWNED BY t.a", ["create_sequence s"]),
    ("CREATE STATISTICS st ON a, b FROM t", ["create_other t st statistics"]),
    ("(SELECT 1) UNION (SELECT 2)", ["select"]),
    ("UPDATE ONLY app.t u SET a = 1", ["update app.t"]),
    ("DELETE FROM ONLY t USING b WHERE b.id = t.id", ["delete t"]),
    ("INSERT INTO t (a) OVERRIDING SYSTEM VALUE VALUES (1)", ["insert t"]),
    ("INSERT INTO t (SELECT a, '' FROM b)", ["insert t"]),
    ("INSERT INTO t (a) (SELECT a FROM b)", ["insert t"]),
    ("CREATE TEMP TABLE t ON COMMIT DROP AS SELECT a FROM b", ["create_table t [temp]"]),
    (
        "WITH gone AS (DELETE FROM a WHERE x RETURNING *) INSERT INTO b SELECT * FROM gone",
        ["delete a", "insert b"],
    ),
]


@pytest.mark.parametrize(("sql", "expected"), STATEMENTS, ids=[s for s, _ in STATEMENTS])
def test_statement(sql: str, expected: list[str]) -> None:
    assert brief(sql) == expected


def table(sql: str) -> Table:
    made = read(sql)[0].definition
    assert isinstance(made, Table)
    return made


def test_columns_keep_their_types_and_defaults() -> None:
    made = table("""
        CREATE TABLE t (
          id bigserial PRIMARY KEY,
          a character varying(30) COLLATE "C" DEFAULT 'x'::varchar NOT NULL,
          b timestamp (3) with time zone DEFAULT (now() AT TIME ZONE 'utc'),
          c numeric(10, 2)[] NOT NULL DEFAULT '{}',
          d app.mood, e double precision, f interval day to second,
          g int GENERATED ALWAYS AS (id * 2) STORED,
          h bigint GENERATED BY DEFAULT AS IDENTITY (START 5),
          i int DEFAULT CASE WHEN true THEN NULL ELSE 1 END CHECK (i > 0),
          CONSTRAINT k UNIQUE NULLS NOT DISTINCT (a, b) INCLUDE (c)
        )""")
    assert [c.type for c in made.columns] == [
        "bigserial", "character varying(30)", "timestamp (3) with time zone", "numeric(10, 2)[]",
        "app.mood", "double precision", "interval day to second", "int", "bigint", "int",
    ]  # fmt: skip
    assert [c.name for c in made.columns if c.not_null] == ["id", "a", "c", "h"]
    assert made.column("a").default == "'x'::varchar"  # type: ignore[union-attr]
    assert made.column("i").default == "CASE WHEN true THEN NULL ELSE 1 END"  # type: ignore[union-attr]
    assert [c.identity for c in made.columns if c.identity] == ["serial", "by default"]
    assert made.column("g").stored  # type: ignore[union-attr]
    assert made.uniques[0].name == "k"
    assert not made.uniques[0].nulls_distinct
    assert len(made.checks) == 1
    assert made.primary_key == ("id",)


def test_foreign_keys_keep_their_validity_and_timing() -> None:
    made = table("""
        ALTER TABLE a ADD CONSTRAINT f FOREIGN KEY (x, y) REFERENCES app.b (p, q) MATCH FULL
          ON DELETE SET NULL (x) ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED NOT VALID""")
    key = made.foreign_keys[0]
    assert (key.columns, key.ref_table, key.ref_columns) == (("x", "y"), "app.b", ("p", "q"))
    assert (key.on_delete, key.on_update) == ("SET NULL", "CASCADE")
    assert (key.valid, key.deferrable, key.deferred) == (False, True, True)


def test_an_index_keeps_all_that_it_says() -> None:
    made = read("""
        CREATE UNIQUE INDEX CONCURRENTLY i ON ONLY app.t USING gin
          (lower(A) COLLATE "C" text_ops DESC NULLS LAST, "B") INCLUDE (c)
          WITH (fillfactor = 70) WHERE d IS NULL""")[0].definition
    assert isinstance(made, Index)
    assert (made.table, made.method, made.unique, made.only) == ("app.t", "gin", True, True)
    assert [(c.name, c.expression, c.collation, c.descending) for c in made.columns] == [
        ("lower(a)", True, "C", True),
        ("B", False, "", False),
    ]
    assert (made.include, made.where) == (("c",), "d IS NULL")


def test_a_partition_knows_its_parent() -> None:
    made = table(
        "CREATE TABLE p PARTITION OF app.m FOR VALUES FROM ('a') TO ('b') PARTITION BY HASH (x)"
    )
    assert (made.partition_of, made.partitioned) == ("app.m", "HASH (x)")


def test_an_enum_keeps_its_labels_in_order() -> None:
    made = read("CREATE TYPE app.e AS ENUM ('b', 'it''s')")[0].definition
    assert made == UserType("app.e", "enum", ("b", "it's"))


DO = """DO $do$
DECLARE r record;
BEGIN
  <<outer>>
  IF NOT EXISTS (SELECT 1 FROM pg_type WHERE typname = 'e') THEN
    CREATE TYPE e AS ENUM ('a; b');
  ELSE
    PERFORM pg_sleep(1);
  END IF;
  FOR r IN SELECT id FROM t LOOP
    UPDATE t SET a = CASE WHEN b THEN 1 END WHERE id = r.id;
    COMMIT;
    EXECUTE 'DROP TABLE old';
    EXECUTE format('DROP TABLE %I', r.id);
  END LOOP;
  SELECT count(*) INTO r FROM t;
EXCEPTION WHEN others THEN
  RAISE NOTICE 'no';
END $do$"""


def test_a_block_is_read_as_far_as_it_is_plain_sql() -> None:
    found = [(o.kind.value, o.line, " ".join(o.options)) for o in read(DO)]
    assert found == [
        ("block", 1, ""),
        ("create_type", 6, "nested conditional"),
        ("select", 8, "nested conditional"),
        ("update", 11, "nested loop"),
        ("commit", 12, "nested loop"),
        ("drop_table", 13, "nested loop"),
        ("opaque", 14, "nested loop"),
        ("select", 16, "nested"),
    ]


@pytest.mark.parametrize(
    "sql",
    ["ALTER TABLE t FROB", "CREATE FROB x", "DROP FROB", "ALTER TABLE t ADD COLUMN", "SET x",
     "FROB", "CREATE TABLE t (a int", "CREATE TABLE t (", "ALTER TYPE e ADD VALUE x"],
)  # fmt: skip
def test_what_cannot_be_read_says_so(sql: str) -> None:
    assert read(sql)[-1].kind is Kind.UNREAD


def test_names_in_a_template_keep_their_placeholders() -> None:
    assert brief('ALTER TABLE {{ index .Options "Namespace" }}.users DROP COLUMN a')[0].endswith(
        ".users a"
    )


SCRIPT = r"""\connect app
/* a /* nested */ comment; */
COPY t (a) FROM stdin;
1	it's; $$
\.
CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;
SELECT $q$ a; $$ b $q$, 'x;''y', E'\';', "a;b";
"""


def test_a_script_is_divided_at_its_own_semicolons() -> None:
    found = [(s.span.line, s.sql.split()[0]) for s in split(SCRIPT, Dialect.POSTGRES)]
    assert found == [(3, "COPY"), (6, "CREATE"), (7, "SELECT")]


def test_an_unfinished_dollar_quote_takes_no_time() -> None:
    text = "DO $$\n" + "a\n" * 20_000
    assert tokenize(text, Dialect.POSTGRES)[-1].text.endswith("a\n")
