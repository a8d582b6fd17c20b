"""Declared types against what a real MariaDB or MySQL calls them."""

from __future__ import annotations

import re

import pytest

from migsafe.engines.mysql import MysqlServer
from migsafe.engines.mysql_session import MysqlSession
from migsafe.model.schema import Column, Table
from migsafe.schema.types_mysql import canonical, characters, charset, collation, octets

DECLARED = """
INT
integer(5)
INT(11) UNSIGNED
int(7) zerofill
tinyint
tinyint(1)
BOOL
boolean
smallint(3) unsigned
mediumint
middleint
int1
int8
bigint(20)
dec
numeric(8)
DECIMAL(10, 2) unsigned
fixed(5,1)
float
float(30)
float(7,3)
double precision
real
bit
bit(4)
char
CHARACTER(3)
nchar(4)
varchar(20)
character varying (9)
national varchar(8)
binary
binary(4)
varbinary(8)
text
text(100)
text(100000)
tinytext
longtext
long varchar
blob
blob(200)
blob(70000)
json
date
datetime
datetime(6)
timestamp(3)
time(2)
year
ENUM('a' , 'b''c')
set( 'x','y' )
"""
_WIDTH = re.compile(r"\b((?:small|medium|big|tiny)?int)\((?!1\))\d+\)(?! unsigned zerofill)")


def test_every_declared_type_is_spelt_as_the_server_spells_it(
    my: MysqlSession, mysql: MysqlServer
) -> None:
    declared = DECLARED.strip().splitlines()
    columns = ", ".join(f"c{at} {type_} NULL" for at, type_ in enumerate(declared))
    my.execute(f"CREATE TABLE t ({columns}) CHARACTER SET utf8mb4")
    told = my.execute(
        "SELECT column_type FROM information_schema.columns WHERE table_schema = database()"
        " ORDER BY ordinal_position"
    )
    spelt = [_WIDTH.sub(r"\1", str(type_)) for (type_,) in told]
    mariadb = mysql.product == "MariaDB"
    assert [canonical(type_, mariadb=mariadb) for type_ in declared] == spelt
    assert [canonical(str(type_), mariadb=mariadb) for (type_,) in told] == spelt


@pytest.mark.parametrize("text", ["", "(", "int(", "enum", "text(x)", "'x'", "varchar()"])
def test_nothing_makes_it_fail(text: str) -> None:
    assert isinstance(canonical(text, mariadb=True), str)


LATIN = Table("t", options=(("charset", "latin1"), ("collate", "latin1_bin")))


@pytest.mark.parametrize(
    ("column", "table", "expected"),
    [
        (Column("c", "varchar(63)"), Table("t"), ("utf8mb4", "", 63, 252)),
        (Column("c", "varchar(63)"), LATIN, ("latin1", "latin1_bin", 63, 63)),
        (Column("c", "char(9)", charset="utf8"), LATIN, ("utf8mb3", "", 9, 27)),
        (Column("c", "text"), Table("t"), ("utf8mb4", "", 16_383, None)),
        (Column("c", "varbinary(9)"), Table("t"), ("utf8mb4", "", 9, 9)),
        (Column("c", "int"), Table("t"), ("utf8mb4", "", None, None)),
    ],
)
def test_how_long_a_text_may_be(column: Column, table: Table, expected: tuple[object, ...]) -> None:
    found = (charset(column, table), collation(column, table))
    assert (*found, characters(column, table), octets(column, table)) == expected
