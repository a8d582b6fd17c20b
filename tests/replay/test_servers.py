"""The parts of a replay on a server: loading dumps, mirroring rows, making rows up."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal

import pytest

from migsafe.engines import sqlite as engine
from migsafe.engines.postgres_session import PostgresSession
from migsafe.engines.session import Session
from migsafe.errors import UnreadableSample
from migsafe.model.migration import Dialect
from migsafe.model.outcome import Place
from migsafe.model.schema import Schema
from migsafe.replay.run import Sent
from migsafe.replay.servers import dumps, interrupted, mirror
from migsafe.replay.servers.looks import inspected
from migsafe.replay.servers.made_rows import family, made_rows

DUMP = rb"""
SELECT pg_catalog.set_config('search_path', '', false);
CREATE TABLE public.pair (id integer NOT NULL, note text);
ALTER TABLE public.pair OWNER TO somebody_else;
COPY public.pair (id, note) FROM stdin;
1	a;b 'c
2	\N
3	tab\there
\.

GRANT ALL ON TABLE public.pair TO somebody_else;
ALTER TABLE ONLY public.pair ADD CONSTRAINT pair_pkey PRIMARY KEY (id);
"""


def schema_of(session: Session, *statements: str) -> Schema:
    for sql in statements:
        session.execute(sql)
    return inspected(session, Dialect.POSTGRES)


def test_a_dump_with_copied_rows_is_loaded(pg: PostgresSession) -> None:
    dumps.load(pg, DUMP, Dialect.POSTGRES, "old.sql")
    rows = pg.execute("SELECT id, note FROM public.pair ORDER BY id")
    assert rows == [(1, "a;b 'c"), (2, None), (3, "tab\there")]


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"CREATE TABLE a (id int);\nINSERT INTO b VALUES (1);", "old.sql:2"),
        (b"CREATE TABLE a (id int);\nCOPY a FROM stdin;\nx\n\\.\n", "old.sql:2"),
        (b"PGDMP\x01\x0e", "old.sql"),
        (b"\xff\xfe", "old.sql"),
    ],
)
def test_a_dump_that_cannot_be_loaded_says_where(
    pg: PostgresSession, data: bytes, place: str
) -> None:
    with pytest.raises(UnreadableSample) as caught:
        dumps.load(pg, data, Dialect.POSTGRES, "old.sql")
    assert caught.value.place == place


def test_a_mirror_has_the_rows_the_keys_and_the_references(pg: PostgresSession) -> None:
    schema = schema_of(
        pg,
        "CREATE TABLE p (id int PRIMARY KEY, price numeric(8, 2), doc jsonb, big numeric)",
        "CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p, twice int"
        " GENERATED ALWAYS AS (id * 2) STORED)",
        'INSERT INTO p VALUES (1, 2.50, \'{"b": 1, "a": 2}\', 123456789012345678901)',
        "INSERT INTO c VALUES (1, 1)",
    )
    made = mirror.mirror(pg, schema, Dialect.POSTGRES)
    with closing(engine.clone(made.data)) as copy:
        assert copy.execute("SELECT * FROM p").fetchall() == [
            (1, 2.5, '{"a": 2, "b": 1}', "123456789012345678901")
        ]
        assert copy.execute("SELECT * FROM c").fetchall() == [(1, 1)]
        assert copy.execute("PRAGMA foreign_key_check").fetchall() == []
        copy.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(sqlite3.IntegrityError):
            copy.execute("INSERT INTO c VALUES (2, 9)")
    assert made.left_out == ()


def test_a_mirror_says_which_tables_are_too_large(
    pg: PostgresSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "LIMIT", 2)
    schema = schema_of(
        pg,
        "CREATE TABLE large AS SELECT generate_series(1, 3) AS n",
        "CREATE TABLE small AS SELECT 1 AS n",
    )
    made = mirror.mirror(pg, schema, Dialect.POSTGRES)
    assert made.left_out == (("large", mirror.too_many()),)
    with closing(engine.clone(made.data)) as copy:
        assert copy.execute("SELECT * FROM small").fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("value", "same"),
    [
        (Decimal("2.0"), 2),
        (Decimal("2.5"), 2.5),
        (Decimal("NaN"), "NaN"),
        (True, 1),
        (2**70, str(2**70)),
    ],
)
def test_equal_values_of_several_types_become_the_same(value: object, same: object) -> None:
    assert mirror.plain(value) == same


def test_made_rows_are_let_in_and_parents_come_first(pg: PostgresSession) -> None:
    schema = schema_of(
        pg,
        "CREATE TYPE mood AS ENUM ('ok', 'sad')",
        "CREATE TABLE child (id serial PRIMARY KEY, parent_id uuid NOT NULL, feels mood NOT NULL,"
        " at timestamptz NOT NULL, state varchar(4) NOT NULL CHECK (state IN ('on', 'off')),"
        " tags text[] NOT NULL, raw bytea NOT NULL)",
        "CREATE TABLE parent (id uuid PRIMARY KEY, cost numeric(3, 2) NOT NULL, doc json NOT NULL)",
        "ALTER TABLE child ADD FOREIGN KEY (parent_id) REFERENCES parent",
    )
    rows = made_rows(schema, schema, Dialect.POSTGRES)
    for row in (r for r in rows if r.plain):
        for sql in row.statements:
            pg.execute(sql)
    assert pg.execute("SELECT count(*), count(DISTINCT parent_id) FROM child") == [(2, 2)]


def test_made_rows_show_what_the_old_schema_allows(pg: PostgresSession) -> None:
    schema = schema_of(pg, "CREATE TABLE t (id int PRIMARY KEY, a text, b varchar(5) UNIQUE)")
    told = {row.told for row in made_rows(schema, schema, Dialect.POSTGRES)}
    assert {
        "NULL in t.a",
        "an empty text in t.a",
        "a text of 5 characters in t.b",
        "two rows with the same values in t",
        "two rows of t that are the same but for NULL in b",
    } <= told


@pytest.mark.parametrize(
    ("declared", "kind"),
    [
        ("character varying(20)", "text"), ("timestamp with time zone", "moment"),
        ("jsonb", "json"), ("integer[]", "array"), ("tinyint(1)", "boolean"),
        ("double precision", "number"), ("point", ""), ("datetime(6)", "moment"),
    ],
)  # fmt: skip
def test_the_family_of_a_type(declared: str, kind: str) -> None:
    assert family(declared) == kind


@pytest.mark.parametrize(("dialect", "moments"), [(Dialect.POSTGRES, [3]), (Dialect.MYSQL, [1, 3])])
def test_what_a_kill_leaves_depends_on_what_was_committed(
    dialect: Dialect, moments: list[int], sent: Callable[..., Sent]
) -> None:
    log = interrupted.Log(dialect)
    log.sent += [
        sent("BEGIN", outside=True),
        sent("CREATE TABLE a (id int)"),
        sent("INSERT INTO a VALUES (1)"),
        sent("COMMIT"),
        sent("SELECT 1", outside=True),
    ]
    assert log.moments == moments


@pytest.fixture
def sent() -> Callable[..., Sent]:
    """A statement of a migration as a replay sends it."""

    def make(sql: str, *, outside: bool = False) -> Sent:
        return Sent(sql, Place("m.sql", 1), None, Dialect.POSTGRES, outside)

    return make
