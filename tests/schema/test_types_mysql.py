"""Declared types against what a real MariaDB or MySQL calls them."""

from __future__ import annotations

import re

import pytest

from migsafe.engines.mysql import MysqlServer
from migsafe.engines.mysql_session import MysqlSession
from migsafe.schema.types_mysql import canonical

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
