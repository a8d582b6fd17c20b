"""What `op.*` calls do on a server, held against the SQL that Alembic itself writes for them."""

from __future__ import annotations

import io
import textwrap
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.dialects import mysql, postgresql

from migsafe import adapters
from migsafe.adapters.alembic_scripts import load
from migsafe.adapters.ddl import UNKNOWN_TYPE
from migsafe.analyse import Runner, analyse
from migsafe.model.migration import Dialect, Kind, Operation
from migsafe.model.schema import Table
from migsafe.sql.parse import operations
from migsafe.sql.split import split

HEAD = """\
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, postgresql
revision = "r"
down_revision = None
"""
POSTGRES, MYSQL = Dialect.POSTGRES, Dialect.MYSQL


def read(tmp_path: Any, body: str, dialect: Dialect, head: str = HEAD, env: str = "") -> Any:
    (tmp_path / "alembic/versions").mkdir(parents=True, exist_ok=True)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = alembic\n")
    (tmp_path / "alembic/env.py").write_text(env)
    text = head + "def upgrade():\n" + textwrap.indent(textwrap.dedent(body), "    ")
    (tmp_path / "alembic/versions/r.py").write_text(text)
    return load(tmp_path, tmp_path, adapters.Options(dialect)).migrations[0].statements


def operations_of(statements: Any) -> Any:
    return [o for s in statements for o in s.operations or ()]


def emitted(body: str, dialect: Dialect) -> list[Operation]:
    """The operations of the SQL that Alembic writes in its offline mode."""
    name = {POSTGRES: "postgresql", MYSQL: "mysql"}[dialect]
    out = io.StringIO()
    options = {"as_sql": True, "output_buffer": out}
    context = MigrationContext.configure(dialect_name=name, opts=options)
    names = {"op": Operations(context), "sa": sa, "postgresql": postgresql, "mysql": mysql}
    exec(textwrap.dedent(body), names)
    found = split(out.getvalue(), dialect, "out.sql")
    return [o for s in found for o in operations(s.sql, dialect)]


def comparable(found: list[Operation]) -> list[Operation]:
    return [_comparable(o) for o in found]


def _comparable(operation: Operation) -> Operation:
    """Lines differ, and only a live server is asked whether a type is there already."""
    made = operation.definition
    if isinstance(made, Table):
        keys = tuple(sorted(made.foreign_keys, key=repr))
        uniques = tuple(sorted(made.uniques, key=repr))
        made = replace(made, foreign_keys=keys, uniques=uniques)
    lenient = operation.if_not_exists and operation.kind is not Kind.CREATE_TYPE
    return replace(operation, line=0, if_not_exists=lenient, definition=made)


BOTH = [
    "op.drop_table('t')",
    "op.drop_table('Users', schema='s')",
    "op.rename_table('a', 'b')",
    "op.add_column('t', sa.Column('a', sa.String(30), nullable=False, server_default='x'))",
    "op.add_column('t', sa.Column('a', sa.Integer(), sa.ForeignKey('u.id', ondelete='CASCADE')))",
    "op.add_column('t', sa.Column('a', sa.Integer(), index=True, unique=True), schema='s')",
    "op.add_column('t', sa.Column('a', sa.Boolean(), server_default=sa.true(), nullable=False))",
    "op.add_column('t', sa.Column('a', sa.Integer(), sa.Computed('b + 1', persisted=True)))",
    "op.add_column('t', sa.Column('a', sa.Text(), comment='what it is'))",
    "op.drop_column('t', 'a')",
    "op.alter_column('t', 'a', nullable=False, existing_type=sa.String(10))",
    "op.alter_column('t', 'a', type_=sa.Text(), existing_type=sa.String(10))",
    "op.alter_column('t', 'a', server_default='x', existing_type=sa.String(10))",
    "op.alter_column('t', 'a', server_default=None, existing_type=sa.String(10))",
    "op.alter_column('t', 'a', new_column_name='b', existing_type=sa.Integer())",
    "op.create_unique_constraint('u', 't', ['a', 'b'])",
    "op.create_unique_constraint(None, 't', ['a'], schema='s')",
    "op.create_foreign_key('f', 't', 'u', ['a'], ['id'], ondelete='SET NULL')",
    "op.create_foreign_key('f', 't', 'u', ['a'], ['id'], source_schema='s', referent_schema='r')",
    "op.create_check_constraint('c', 't', 'a > 0')",
    "op.create_primary_key('k', 't', ['a', 'b'])",
    "op.create_index('i', 't', ['a', sa.text('(lower(b))')], unique=True)",
    "op.create_index('i', 't', ['a', sa.text('b DESC')], schema='s')",
    "op.create_table_comment('t', 'what it is')",
    "op.drop_table_comment('t')",
    """
    with op.batch_alter_table('t', schema='s') as batch:
        batch.add_column(sa.Column('a', sa.Integer(), nullable=False))
        batch.alter_column('b', nullable=True, existing_type=sa.Integer())
        batch.create_foreign_key('f', 'u', ['a'], ['id'])
        batch.create_index('i', ['a'])
        batch.drop_column('c')
    """,
    """
    op.create_table(
        't',
        sa.Column('id', sa.BigInteger(), primary_key=True),
        sa.Column('name', sa.String(length=30), nullable=False, unique=True),
        sa.Column('team', sa.Integer(), sa.ForeignKey('teams.id'), index=True),
        sa.Column('at', sa.DateTime(), server_default=sa.text('CURRENT_TIMESTAMP')),
        sa.Column('price', sa.Numeric(10, 2), server_default=sa.text('0')),
        sa.ForeignKeyConstraint(['name', 'team'], ['x.a', 'x.b'], name='f', onupdate='CASCADE'),
        sa.CheckConstraint('price > 0', name='positive'),
        sa.UniqueConstraint('team', 'at', name='once'),
        schema='s',
        comment='said',
    )
    """,
    """
    op.create_table(
        't',
        sa.Column('a', sa.Integer(), nullable=False),
        sa.Column('b', sa.SmallInteger(), autoincrement=False),
        sa.PrimaryKeyConstraint('a', 'b', name='k'),
        if_not_exists=True,
    )
    """,
    "op.create_table('t', sa.Column('a', sa.Integer()), sa.PrimaryKeyConstraint('a'))",
    "op.create_table('t', sa.Column('a', sa.Integer, sa.ForeignKey('u.a'), primary_key=True))",
]

ON_POSTGRES = [
    "op.alter_column('t', 'a', type_=sa.Integer(), postgresql_using='a::integer')",
    "op.alter_column('t', 'a', nullable=False, type_=sa.BigInteger(), server_default=sa.text('1'),"
    " new_column_name='b', comment='x', schema='s')",
    "op.alter_column('t', 'a', server_default=sa.Identity(always=True, start=3))",
    "op.alter_column('t', 'a', server_default=None, existing_server_default=sa.Identity())",
    "op.create_index('i', 't', ['a'], postgresql_concurrently=True, if_not_exists=True)",
    "op.create_index('i', 't', ['a'], postgresql_where=sa.text('a > 0'), postgresql_using='gin',"
    " postgresql_include=['b'], postgresql_ops={'a': 'gin_trgm_ops'})",
    "op.create_index('i', 't', [sa.func.lower(sa.column('a')), sa.column('b').desc()])",
    "op.create_index('i', 't', ['a'], unique=True, postgresql_nulls_not_distinct=True)",
    "op.drop_index('i', postgresql_concurrently=True, if_exists=True)",
    "op.drop_index('i', table_name='t', schema='s')",
    "op.create_foreign_key('f', 't', 'u', ['a'], ['id'], postgresql_not_valid=True,"
    " deferrable=True, initially='DEFERRED')",
    "op.create_check_constraint('c', 't', sa.text('a > 0'), postgresql_not_valid=True)",
    "op.create_exclude_constraint('x', 't', ('during', '&&'), ('room', '='), using='gist',"
    " where=sa.text('active'))",
    "op.create_unique_constraint('u', 't', ['a'], deferrable=True, initially='IMMEDIATE')",
    "op.drop_constraint('c', 't', type_='check')",
    "op.drop_constraint('c', 't', 'unique', schema='s')",
    "op.rename_table('a', 'b', schema='s')",
    "op.add_column('t', sa.Column('a', sa.Integer()), if_not_exists=True)",
    """
    op.create_table(
        't',
        sa.Column('id', postgresql.UUID(as_uuid=True), server_default=sa.func.gen_random_uuid()),
        sa.Column('n', sa.Integer(), sa.Identity(always=True)),
        sa.Column('mood', sa.Enum('good', 'bad', name='mood'), server_default='good'),
        sa.Column('was', postgresql.ENUM('a', name='former', create_type=False)),
        sa.Column('tags', postgresql.ARRAY(sa.String(20)), comment='many'),
        sa.Column('doc', postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'")),
        sa.PrimaryKeyConstraint('id'),
        postgresql.ExcludeConstraint(('n', '='), using='btree'),
        postgresql_partition_by='RANGE (n)',
    )
    """,
    "sa.Enum('a', 'b', name='kind').create(op.get_bind())",
]

ON_MYSQL = [
    "op.alter_column('t', 'a', type_=sa.BigInteger(), existing_type=sa.Integer(),"
    " existing_nullable=False, existing_server_default=sa.text('1'))",
    "op.alter_column('t', 'a', existing_type=mysql.INTEGER(display_width=11), autoincrement=True,"
    " existing_nullable=False)",
    "op.alter_column('t', 'a', new_column_name='b', type_=mysql.VARCHAR(20), nullable=False,"
    " existing_type=mysql.VARCHAR(10), comment='x')",
    "op.alter_column('t', 'a', existing_type=sa.DateTime(), server_default=sa.text('now()'))",
    "op.drop_index('i', table_name='t')",
    "op.drop_constraint('f', 't', type_='foreignkey')",
    "op.drop_constraint('f', 't', type_='unique')",
    "op.drop_constraint('f', 't', type_='primary')",
    "op.drop_constraint('f', 't', type_='check')",
    "op.create_index('i', 't', ['a', 'b'], mysql_length={'a': 10})",
    "op.create_index('i', 't', ['a'], mysql_prefix='FULLTEXT')",
    "op.rename_table('a', 'b', schema='s')",
    """
    op.create_table(
        't',
        sa.Column('id', sa.Integer(), nullable=False),
        sa.Column('mood', sa.Enum('good', 'bad', name='mood'), server_default='good'),
        sa.Column('small', mysql.TINYINT(display_width=1), nullable=True, comment='few'),
        sa.Column('big', mysql.BIGINT(unsigned=True), nullable=False),
        sa.Column('at', mysql.DATETIME(fsp=6), server_default=sa.func.now()),
        sa.PrimaryKeyConstraint('id'),
        mysql_engine='InnoDB',
        mysql_charset='utf8mb4',
        comment='said',
    )
    """,
]

CASES = (
    [(POSTGRES, b) for b in [*BOTH, *ON_POSTGRES]] + [(MYSQL, b) for b in [*BOTH, *ON_MYSQL]]
)  # fmt: skip


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("dialect", "body"), CASES, ids=lambda v: str(v).strip()[:60])
def test_a_call_means_what_its_sql_means(tmp_path, dialect, body):
    found = operations_of(read(tmp_path, body, dialect))
    expected = emitted(body, dialect)
    assert expected
    assert Kind.UNREAD not in {o.kind for o in expected}
    assert comparable(found) == comparable(expected)


TYPES = {
    POSTGRES: [
        "sa.String()", "sa.String(30)", "sa.Text()", "sa.Unicode(5)", "sa.CHAR(3)", "sa.Integer",
        "sa.BigInteger()", "sa.SmallInteger()", "sa.Boolean()", "sa.Date()", "sa.Time()",
        "sa.DateTime()", "sa.DateTime(timezone=True)", "sa.TIMESTAMP(timezone=True)",
        "sa.Time(timezone=True)", "sa.Interval()", "sa.Float()", "sa.Float(24)", "sa.Double()",
        "sa.REAL()", "sa.Numeric()", "sa.Numeric(10)", "sa.Numeric(10, 2)", "sa.DECIMAL(5, 1)",
        "sa.LargeBinary()", "sa.PickleType()", "sa.JSON()", "sa.Uuid()", "sa.UUID()",
        "postgresql.JSONB()", "postgresql.UUID()", "postgresql.BYTEA()", "postgresql.INET()",
        "postgresql.CIDR()", "postgresql.TSVECTOR()", "postgresql.HSTORE()", "postgresql.CITEXT()",
        "postgresql.TIMESTAMP(timezone=True, precision=3)", "postgresql.DOUBLE_PRECISION()",
        "postgresql.ARRAY(sa.Text())", "postgresql.ARRAY(sa.Integer(), dimensions=2)",
        "sa.ARRAY(sa.String(4))", "postgresql.INTERVAL(fields='DAY')", "postgresql.BIT(4)",
        "postgresql.TSTZRANGE()", "postgresql.MACADDR()", "sa.String(30, collation='de_DE')",
        "sa.Enum('a', 'bcd', name='e', native_enum=False)", "postgresql.ENUM('a', name='Mood')",
        "sa.JSON().with_variant(postgresql.JSONB(), 'postgresql')",
        "sa.Integer().with_variant(sa.BigInteger(), 'mysql')",
    ],
    MYSQL: [
        "sa.String(30)", "sa.Text()", "sa.Text(65536)", "sa.Integer()", "sa.BigInteger()",
        "sa.SmallInteger()", "sa.Boolean()", "sa.Date()", "sa.Time()", "sa.DateTime()",
        "sa.DateTime(timezone=True)", "sa.TIMESTAMP()", "sa.Float()", "sa.Double()",
        "sa.Numeric(10, 2)", "sa.LargeBinary()", "sa.LargeBinary(65536)", "sa.JSON()", "sa.Uuid()",
        "sa.Enum('a', 'b')", "mysql.LONGTEXT()", "mysql.MEDIUMBLOB()", "mysql.TINYINT(1)",
        "mysql.INTEGER(unsigned=True)", "mysql.VARCHAR(20, charset='utf8mb4')",
        "mysql.DATETIME(fsp=6)", "mysql.TIMESTAMP(fsp=3)", "sa.Interval()", "mysql.YEAR()",
        "mysql.VARCHAR(20, collation='utf8mb4_bin')", "sa.CHAR(3)", "sa.VARBINARY(16)",
    ],
}  # fmt: skip
TYPE_CASES = [(dialect, t) for dialect, types in TYPES.items() for t in types]


@pytest.mark.parametrize(("dialect", "text"), TYPE_CASES, ids=str)
def test_a_type_is_spelt_as_sqlalchemy_spells_it(tmp_path, dialect, text):
    body = f"op.add_column('t', sa.Column('a', {text}))"
    [found] = operations_of(read(tmp_path, body, dialect))
    assert UNKNOWN_TYPE not in repr(found)
    assert comparable([found]) == comparable(emitted(body, dialect))


def test_names_that_stand_for_types_and_columns(tmp_path):
    head = HEAD + "import enum\nclass Mood(str, enum.Enum):\n    GOOD = 'g'\n    BAD = 'b'\n"
    head += "kind = postgresql.ENUM('a', name='kind')\ncolumn = sa.Column('k', kind)\n"
    body = """
    kind.create(op.get_bind(), checkfirst=True)
    op.add_column('t', column)
    op.create_table('m', sa.Column('m', sa.Enum(Mood)), sa.Column('x', Unheard()))
    kind.drop(op.get_bind())
    """
    found = operations_of(read(tmp_path, body, POSTGRES, head))
    assert [(o.kind, o.name or o.table) for o in found] == [
        (Kind.CREATE_TYPE, "kind"), (Kind.ADD_COLUMN, "t"), (Kind.CREATE_TYPE, "mood"),
        (Kind.CREATE_TABLE, "m"), (Kind.DROP_TYPE, "kind"),
    ]  # fmt: skip
    assert found[2].definition.labels == ("GOOD", "BAD")
    assert [c.type for c in found[3].definition.columns] == ["mood", ""]
    assert {o.kind for o in operations_of(read(tmp_path, body, MYSQL, head))} == {
        Kind.ADD_COLUMN, Kind.CREATE_TABLE
    }  # fmt: skip


def test_what_only_running_it_can_tell_stays_open(tmp_path):
    body = """
    op.add_column('t', sa.Column('a', Own(), server_default=own()))
    op.create_table('u', sa.Column('a', sa.Integer()), *more())
    op.create_index('i', 't', columns())
    op.alter_column('t', 'a', nullable=maybe())
    """
    added, made, *rest = operations_of(read(tmp_path, body, POSTGRES))
    assert (added.definition.columns[0].type, added.definition.columns[0].default) == ("", "?")
    assert made.definition.complete is False
    assert [o.kind for o in rest] == [Kind.OPAQUE, Kind.OPAQUE]


@pytest.mark.parametrize(
    ("env", "dialect", "transactions"),
    [
        ("context.configure(connection=c)", POSTGRES, 1),
        ("context.configure(connection=c, transaction_per_migration=True)", POSTGRES, 2),
        ("context.configure(connection=c)", MYSQL, 2),
    ],
)
def test_one_transaction_for_all_pending_revisions(tmp_path, env, dialect, transactions):
    read(tmp_path, 'op.execute("UPDATE t SET a = 1")', dialect, env=env)
    second = HEAD.replace('"r"', '"s"').replace("None", '"r"')
    second += 'def upgrade():\n    op.execute("UPDATE t SET a = 2")\n'
    (tmp_path / "alembic/versions/s.py").write_text(second)
    history = load(tmp_path, tmp_path, adapters.Options(dialect))
    steps = analyse(history, ("r", "s"), Runner(), {}).steps
    assert len({s.transaction for s in steps}) == transactions
    assert None not in {s.transaction for s in steps}


def test_an_autocommit_block_stands_outside_of_the_transaction(tmp_path):
    body = """
    op.execute("UPDATE t SET a = 1")
    with op.get_context().autocommit_block():
        op.create_index('i', 't', ['a'], postgresql_concurrently=True)
    op.execute("UPDATE t SET a = 2")
    """
    read(tmp_path, body, POSTGRES)
    history = load(tmp_path, tmp_path, adapters.Options(POSTGRES))
    steps = analyse(history, ("r",), Runner(), {}).steps
    assert [s.statement.in_transaction for s in steps] == [True, False, True]
    assert len({s.transaction for s in steps}) == 3


def test_statements_of_sqlalchemy_core(tmp_path):
    body = """
    users = sa.table("users", sa.column("size"))
    class Team(Base):
        __tablename__ = "teams"
    bind = op.get_bind()
    rows = bind.execute(sa.select(users.c.size).where(users.c.size > 1)).fetchall()
    bind.execute(users.update().where(users.c.size == None).values(size=1, note=made()))
    change = sa.update(Team).values({"size": None})
    bind.execute(change)
    bind.execute(sa.delete(meta.tables["notes"]))
    bind.execute(users.insert().values(size=3))
    bind.execute(sa.text(f"DELETE FROM {Team.__tablename__}"))
    bind.execute(sa.update(unknown).values(size=1))
    """
    found = read(tmp_path, body, POSTGRES)
    made = [o for s in found for o in s.operations or operations(s.sql, POSTGRES)]
    assert [(o.kind, o.table) for o in made] == [
        (Kind.SELECT, ""), (Kind.UPDATE, "users"), (Kind.UPDATE, "teams"), (Kind.DELETE, "notes"),
        (Kind.INSERT, "users"), (Kind.DELETE, "teams"), (Kind.OPAQUE, ""),
    ]  # fmt: skip
    assert made[1].where == "users.c.size == None"
    assert [(a.column, a.kind) for a in made[1].assignments] == [
        ("size", "literal"), ("note", "parameter")
    ]  # fmt: skip
    assert (made[2].where, made[2].assignments[0].kind) == (None, "null")
