"""Declared types against what a real PostgreSQL calls them."""

from __future__ import annotations

import pytest

from migsafe.engines.postgres_session import PostgresSession
from migsafe.schema.types_postgres import canonical

DECLARED = """
INT
int2
int4
INT8
bigint
smallserial
serial
bigserial
serial4
bool
decimal
DEC(8)
numeric(10)
NUMERIC(10, 2)
float
float(24)
float(25)
float4
float8
double   precision
real
char
char(3)
"char"
bpchar
nchar(4)
national character(5)
national character varying (6)
varchar
VARCHAR(20)
character varying(20)
char varying(7)
text
name
bit
bit(3)
bit varying
varbit(5)
timestamp
timestamp(3)
timestamp (3) with time zone
timestamptz
timestamptz(0)
timestamp without time zone
time
timetz(2)
time(1) with time zone
date
interval
interval(3)
interval year to month
interval day to second(3)
int[]
varchar(10)[]
integer[3][4]
text ARRAY
int ARRAY[5]
timestamptz(3)[]
pg_catalog.int4
uuid
jsonb
inet
int4range
money
oid
regclass
mood
MOOD
public.mood
"Odd Type"
other.size
other.size[]
"""


def test_every_declared_type_is_spelt_as_the_server_spells_it(pg: PostgresSession) -> None:
    pg.execute("CREATE TYPE mood AS ENUM ('ok')")
    pg.execute("CREATE TYPE \"Odd Type\" AS ENUM ('ok')")
    pg.execute("CREATE SCHEMA other")
    pg.execute("CREATE DOMAIN other.size AS int")
    declared = DECLARED.strip().splitlines()
    columns = ", ".join(f"c{at} {type_}" for at, type_ in enumerate(declared))
    pg.execute(f"CREATE TABLE t ({columns})")
    told = pg.execute(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum"
    )
    assert [canonical(type_) for type_ in declared] == [spelt for (spelt,) in told]


@pytest.mark.parametrize(
    "text", ["", "(", "int(", "a.b.c", "[", "float(x)", "int[", "'x'", "varchar()"]
)
def test_nothing_makes_it_fail(text: str) -> None:
    assert isinstance(canonical(text), str)
