"""The locks on the tables that foreign keys point to, held to what a real server takes."""

from __future__ import annotations

import re

import pytest

from migsafe.effects import postgres as effects
from migsafe.engines.postgres_observe import Observer
from migsafe.engines.postgres_session import PostgresSession
from migsafe.model.migration import Dialect
from migsafe.schema.inspect_postgres import inspect
from migsafe.sql.parse import operations

SETUP = """
CREATE TABLE parent (id int PRIMARY KEY)
CREATE TABLE child (id int PRIMARY KEY, p int CONSTRAINT child_p REFERENCES parent, other int)
"""


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE child",
        "ALTER TABLE child DROP COLUMN p",
        "ALTER TABLE child DROP COLUMN other",
        "ALTER TABLE child DROP CONSTRAINT child_p",
        "ALTER TABLE child ADD COLUMN q int REFERENCES parent",
        "ALTER TABLE child ADD COLUMN q int",
        "ALTER TABLE child ADD FOREIGN KEY (other) REFERENCES parent NOT VALID",
        "CREATE TABLE second (id int REFERENCES parent)",
        "TRUNCATE child",
    ],
)
def test_the_parent_is_locked_as_the_server_locks_it(pg: PostgresSession, sql: str):
    for statement in SETUP.strip().splitlines():
        pg.execute(statement)
    server = effects.Server(150000, {})
    found = effects.effects(inspect(pg.execute), operations(sql, Dialect.POSTGRES), server)
    _, seen = Observer(pg).run(sql)
    taken = {_shown(lock.mode) for lock in seen.locks if lock.relation == "parent"}
    strong = [mode for mode in effects.MODES if mode in taken and effects.blocks_writes(mode)]
    assert [e.lock for e in found if e.table == "parent"] == strong[-1:]


def _shown(mode: str) -> str:
    """AccessExclusiveLock, as pg_locks has it, in the words of the manual."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", mode.removesuffix("Lock")).upper()
