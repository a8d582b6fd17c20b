"""What Django's schema editor sends for a change of a model, as operations.

After Django 5.2 (db/backends/base/schema.py and its heirs). On SQLite, where Django copies a table
to change it, the operations are the net effect on the table. What Django defers to the end of the
migration (foreign keys and indexes of new tables) is kept apart.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from migsafe.adapters.alembic_columns import Arguments, Unreadable, arguments
from migsafe.adapters.alembic_text import literal
from migsafe.adapters.ddl import UNKNOWN_VALUE, listed, named, read
from migsafe.adapters.django_expressions import Expressions
from migsafe.adapters.django_fields import COMPUTED, Field, literal_of
from migsafe.adapters.django_names import index_name, key_name
from migsafe.adapters.django_state import Model, State
from migsafe.model.migration import Dialect, Kind, Operation
from migsafe.model.schema import Column, Index, Table

_LATE = " DEFERRABLE INITIALLY DEFERRED"


@dataclass(slots=True)
class Editor:
    """Collects operations; `made` run at once, `deferred` when the migration ends."""

    state: State
    dialect: Dialect
    line: int = 0
    made: list[Operation] = field(default_factory=list)
    deferred: list[Operation] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)  # renamed tables; "": dropped

    @property
    def postgres(self) -> bool:
        """Is it for PostgreSQL?"""
        return self.dialect is Dialect.POSTGRES

    @property
    def sqlite(self) -> bool:
        """Is it for SQLite?"""
        return self.dialect is Dialect.SQLITE

    def send(self, text: str) -> None:
        """A statement in the dialect's own words."""
        self.made += read([text], self.dialect, self.line)

    def send_late(self, text: str) -> None:
        """A statement that Django defers to the end of the migration."""
        self.deferred += read([text], self.dialect, self.line)

    def constrain(self, text: str, *, late: bool = False) -> None:
        """A change of a constraint; what SQLite has no statement for is read as PostgreSQL's."""
        reader = Dialect.POSTGRES if self.sqlite else self.dialect
        (self.deferred if late else self.made).extend(read([text], reader, self.line))

    def quoted(self, name: str) -> str:
        """A name in quotes."""
        return named(name, self.dialect)

    def expressions(self, model: Model, given: Arguments) -> Expressions:
        """What writes the expressions of a model."""
        return Expressions(model, given.scope, self.dialect)

    # -- tables -----------------------------------------------------------------------------------

    def create(self, model: Model, inside: Sequence[str] = ()) -> None:
        """CREATE TABLE with the constraints `inside` it; keys and indexes follow at the end."""
        fields = [f for f in model.fields.values() if f.has_column]
        parts = [*(self.column(model, f) for f in fields), *inside]
        if not fields:
            raise Unreadable("no field is written out")
        self.send(f"CREATE TABLE {self.quoted(model.table)} ({', '.join(parts)})")
        if not model.complete:
            self.made[-1] = _in_part(self.made[-1])
        for kind, names in sorted(model.together):
            if kind == "unique":
                self.together(model, kind, names, late=True)
        for one in fields:
            if self.state.keyed(model, one) and not self.sqlite:
                self.constrain(self._key(model, one), late=True)

    def finish(self, model: Model) -> None:
        """The indexes of a new table's fields."""
        for one in model.fields.values():
            if one.has_column:
                self.indexes(model, one)
        for kind, names in sorted(model.together):
            if kind == "index":
                self.together(model, kind, names)

    def join(self, model: Model) -> None:
        """The tables of a new model's many-to-many fields."""
        for many in model.fields.values():
            if many.is_many:
                self.create_joined(model, many)

    def create_joined(self, model: Model, many: Field) -> None:
        """The table of a many-to-many field: a key, two foreign keys, a unique pair."""
        table = self.state.joined(model, many)
        if not table:
            return
        ends = joined_ends(self.state, model, many)
        key = "AUTOINCREMENT" if self.sqlite else ""
        whole = "integer" if self.sqlite else "bigint"
        parts = [f"{self.quoted('id')} {whole} {self._numbered()}NOT NULL PRIMARY KEY {key}"]
        for column, kind, parent, goal in ends:
            inline = f" REFERENCES {self.quoted(parent)} ({self.quoted(goal)}){_LATE}"
            end = inline if self.sqlite else ""
            parts.append(f"{self.quoted(column)} {kind} NOT NULL{end}")
        self.send(f"CREATE TABLE {self.quoted(table)} ({', '.join(parts)})")
        columns = [column for column, *_ in ends]
        self._unique_pair(table, columns, late=True)
        for column, _, parent, goal in ends:
            if not self.sqlite:
                self.constrain(self._reference(table, column, parent, goal), late=True)
        for column, *_ in ends:
            if self.dialect is not Dialect.MYSQL:
                self._index(table, [column], "", late=True)

    def _numbered(self) -> str:
        if self.postgres:
            return "GENERATED BY DEFAULT AS IDENTITY "
        return "AUTO_INCREMENT " if self.dialect is Dialect.MYSQL else ""

    def drop(self, table: str) -> None:
        """DROP TABLE; what is deferred for it is not run any more."""
        cascade = "" if self.sqlite else " CASCADE"
        self.send(f"DROP TABLE {self.quoted(table)}{cascade}")
        self.moved[table] = ""

    def rename(self, old: str, new: str) -> None:
        """RENAME of a table, where its name changes."""
        if old != new:
            self.moved[old] = new
            self.send(f"ALTER TABLE {self.quoted(old)} RENAME TO {self.quoted(new)}")

    # -- columns ----------------------------------------------------------------------------------

    def column(
        self, model: Model, one: Field, default: str | None = None, *, bare: bool = False
    ) -> str:
        """A column's declaration; `default`: what old rows get while it is added.

        `bare`: without what SQLite's ADD COLUMN does not take.
        """
        name = self.quoted(one.column)
        said = [name, self.state.type(model, one)]
        fixed = self.database_default(model, one)
        if one.kind == "GeneratedField":
            text = self.expressions(model, one.given).value(one.given.node("expression"))
            how = "STORED" if one.flag("db_persist") else "VIRTUAL"
            said.append(f"GENERATED ALWAYS AS ({text}) {how}")
        elif fixed or default is not None:
            said.append(f"DEFAULT {fixed or default}")
        if one.is_auto:
            said.append(self._numbered())
        if one.kind != "GeneratedField":
            said.append("NULL" if one.null else "NOT NULL")
        if one.flag("primary_key"):
            said.append("PRIMARY KEY" + (" AUTOINCREMENT" if one.is_auto and self.sqlite else ""))
        elif one.unique and not bare:
            said.append("UNIQUE")
        if rule := one.check(self.dialect):
            said.append(f"CHECK ({rule.format(name, name)})")
        if self.state.keyed(model, one) and self.sqlite and not bare:
            goal = self.state.target(model, one)
            said.append(f"REFERENCES {self.quoted(goal.table)} ({self.quoted(goal.column)}){_LATE}")
        return " ".join(said)

    def database_default(self, model: Model, one: Field) -> str:
        """What `db_default` leaves in the database; "" for nothing."""
        node = one.given.node("db_default")
        if node is None:
            return ""
        found = literal(node, one.given.scope)
        if isinstance(found, (str, int, float)):
            return literal_of(found, self.dialect)
        said = self.expressions(model, one.given).value(node)
        return said if said in {UNKNOWN_VALUE, "CURRENT_TIMESTAMP"} else f"({said})"

    def add_field(self, model: Model, one: Field) -> None:
        """ADD COLUMN with a default for old rows, which Django takes away at once."""
        if one.is_many:
            self.create_joined(model, one)
        if not one.has_column:
            return
        default = None if self.database_default(model, one) else one.filled(self.dialect)
        if default == COMPUTED and one.is_key:
            default = UNKNOWN_VALUE  # which row it names is looked up as it runs
        copied = self.sqlite and (one.unique or not one.null or default is not None)
        text = self.column(model, one, default, bare=copied)
        alter = f"ALTER TABLE {self.quoted(model.table)} "
        if self.state.keyed(model, one) and not self.sqlite:
            self._add_with_key(alter, text, model, one)
        else:
            self.send(f"{alter}ADD COLUMN {text}")
        if default is not None and one.kind != "GeneratedField":
            self.drop_default(model, one)
        if copied and one.unique:
            self.unique_of(model, one)
        if copied and self.state.keyed(model, one):
            self.add_key(model, one)
        self.indexes(model, one)

    def _add_with_key(self, alter: str, text: str, model: Model, one: Field) -> None:
        goal = self.state.target(model, one)
        name = key_name(model.table, one.column, goal.table, goal.column, self.dialect)
        parent = f"REFERENCES {self.quoted(goal.table)} ({self.quoted(goal.column)})"
        if self.postgres:
            inline = f"CONSTRAINT {self.quoted(name)} {parent}{_LATE}"
            self.send(f"{alter}ADD COLUMN {text} {inline}")
        else:
            key = f"CONSTRAINT {self.quoted(name)} FOREIGN KEY ({self.quoted(one.column)}) {parent}"
            self.send(f"{alter}ADD COLUMN {text}, ADD {key}")

    def drop_default(self, model: Model, one: Field) -> None:
        """The default that was needed for old rows goes."""
        if self.sqlite:
            self.declare(model, one)
        else:
            alter = f"ALTER TABLE {self.quoted(model.table)} ALTER COLUMN"
            self.send(f"{alter} {self.quoted(one.column)} DROP DEFAULT")

    def declare(self, model: Model, one: Field) -> None:
        """SQLite: the column as the copied table declares it."""
        fixed = self.database_default(model, one)
        written = Column(
            one.column,
            self.state.type(model, one),
            not_null=not one.null,
            default=fixed or None,
            primary_key=int(one.flag("primary_key")),
        )
        table = Table(model.table, (written,), complete=False)
        self.made.append(
            Operation(Kind.ALTER_COLUMN, model.table, one.column, definition=table, line=self.line)
        )

    def remove_field(self, model: Model, one: Field) -> None:
        """DROP COLUMN, or the table of a many-to-many field."""
        if one.is_many and (table := self.state.joined(model, one)):
            self.drop(table)
        if one.has_column:
            cascade = " CASCADE" if self.postgres else ""
            text = f"DROP COLUMN {self.quoted(one.column)}{cascade}"
            self.send(f"ALTER TABLE {self.quoted(model.table)} {text}")

    # -- indexes and constraints ------------------------------------------------------------------

    def indexes(self, model: Model, one: Field) -> None:
        """The indexes of a field; PostgreSQL gets one more for LIKE on text."""
        key_of_mysql = self.state.keyed(model, one) and self.dialect is Dialect.MYSQL
        if one.indexed and not key_of_mysql:
            self._index(model.table, [one.column], "", late=True)
        kind = self.state.type(model, one)
        if self.postgres and (one.indexed or one.unique) and _is_like(kind):
            operators = "text_pattern_ops" if kind == "text" else "varchar_pattern_ops"
            self._index(model.table, [one.column], "_like", operators, late=True)

    def _index(
        self, table: str, columns: list[str], suffix: str, operators: str = "", late: bool = False
    ) -> None:
        name = index_name(table, columns, suffix, self.dialect)
        terms = ", ".join(f"{self.quoted(c)} {operators}".rstrip() for c in columns)
        text = f"CREATE INDEX {self.quoted(name)} ON {self.quoted(table)} ({terms})"
        (self.deferred if late else self.made).extend(read([text], self.dialect, self.line))

    def _reference(self, table: str, column: str, parent: str, goal: str) -> str:
        name = key_name(table, column, parent, goal, self.dialect)
        when = _LATE if self.postgres else ""
        key = f"FOREIGN KEY ({self.quoted(column)}) REFERENCES {self.quoted(parent)} "
        key += f"({self.quoted(goal)}){when}"
        return f"ALTER TABLE {self.quoted(table)} ADD CONSTRAINT {self.quoted(name)} {key}"

    def _key(self, model: Model, one: Field) -> str:
        goal = self.state.target(model, one)
        return self._reference(model.table, one.column, goal.table, goal.column)

    def add_key(self, model: Model, one: Field) -> None:
        """The foreign key of a field that had none."""
        self.constrain(self._key(model, one))

    def drop_key(self, model: Model, one: Field) -> None:
        """The foreign key of a field, under the name that it was given."""
        goal = self.state.target(model, one)
        name = key_name(model.table, one.column, goal.table, goal.column, self.dialect)
        what = "FOREIGN KEY" if self.dialect is Dialect.MYSQL else "CONSTRAINT"
        self.constrain(f"ALTER TABLE {self.quoted(model.table)} DROP {what} {self.quoted(name)}")

    def _unique(self, table: str, name: str, columns: Sequence[str], *, late: bool = False) -> None:
        clause = f"CONSTRAINT {self.quoted(name)} " if name else ""
        clause += f"UNIQUE {listed(columns, self.dialect)}"
        self.constrain(f"ALTER TABLE {self.quoted(table)} ADD {clause}", late=late)

    def drop_constraint(self, table: str, name: str, *, unique: bool = False) -> None:
        """DROP CONSTRAINT; MySQL drops a unique one as an index."""
        what = "INDEX" if unique and self.dialect is Dialect.MYSQL else "CONSTRAINT"
        self.constrain(f"ALTER TABLE {self.quoted(table)} DROP {what} {self.quoted(name)}")

    def unique_of(self, model: Model, one: Field) -> None:
        """The constraint of a field that becomes unique."""
        name = index_name(model.table, [one.column], "_uniq", self.dialect)
        self._unique(model.table, "" if self.sqlite else name, [one.column])

    def together(
        self, model: Model, kind: str, names: Sequence[str], *, late: bool = False
    ) -> None:
        """One tuple of `unique_together` or `index_together`."""
        columns = [model.column(n) for n in names]
        if kind == "unique":
            self._unique_pair(model.table, columns, late=late)
        else:
            self._index(model.table, columns, "_idx", late=True)

    def _unique_pair(self, table: str, columns: Sequence[str], *, late: bool) -> None:
        """A constraint; on SQLite a unique index."""
        name = index_name(table, columns, "_uniq", self.dialect)
        if not self.sqlite:
            self._unique(table, name, columns, late=late)
            return
        listing = listed(columns, self.dialect)
        text = f"CREATE UNIQUE INDEX {self.quoted(name)} ON {self.quoted(table)} {listing}"
        self.send_late(text) if late else self.send(text)

    def apart(self, model: Model, kind: str, names: Sequence[str]) -> None:
        """Such a tuple is taken away."""
        columns = [model.column(n) for n in names]
        if kind == "unique" and not self.sqlite:
            name = index_name(model.table, columns, "_uniq", self.dialect)
            self.drop_constraint(model.table, name, unique=True)
        elif kind == "unique":
            self.drop_index(model, index_name(model.table, columns, "_uniq", self.dialect))
        else:
            self.drop_index(model, index_name(model.table, columns, "_idx", self.dialect))

    def drop_index(self, model: Model, name: str, how: str = "") -> None:
        """DROP INDEX; `how` is CONCURRENTLY or nothing."""
        if self.dialect is Dialect.MYSQL:
            self.send(f"DROP INDEX {self.quoted(name)} ON {self.quoted(model.table)}")
            return
        exists = "IF EXISTS " if self.postgres else ""
        self.send(f"DROP INDEX {how + ' ' if how else ''}{exists}{self.quoted(name)}")


def _in_part(operation: Operation) -> Operation:
    table = operation.definition
    if not isinstance(table, Table):
        return operation
    return replace(operation, definition=replace(table, complete=False))


def followed(made: Sequence[Operation], moved: Mapping[str, str]) -> tuple[Operation, ...]:
    """Deferred operations after tables were renamed or, with the tables, dropped."""
    left = [o for o in made if moved.get(o.table) != ""]
    return tuple(_moved(o, moved[o.table]) if o.table in moved else o for o in left)


def _moved(operation: Operation, table: str) -> Operation:
    definition = operation.definition
    if isinstance(definition, Table):
        definition = replace(definition, name=table)
    elif isinstance(definition, Index):
        definition = replace(definition, table=table)
    return replace(operation, table=table, definition=definition)


def _is_like(kind: str) -> bool:
    return kind == "text" or kind.startswith("varchar")


def joined_ends(state: State, model: Model, many: Field) -> list[tuple[str, str, str, str]]:
    """Both columns of a many-to-many table: name, type, the table and column it refers to."""
    goal = state.target(model, many)
    key = state.named(many.given.node("to"), model.app, model, many.given.found("to"))
    own = model.primary
    kind = state.type(model, own, 1) if own else goal.type
    mine, other = model.name.lower(), key.rpartition(".")[2]
    if key == model.key:
        mine, other = f"from_{mine}", f"to_{mine}"
    source = (f"{mine}_id", kind, model.table, own.column if own else "id")
    return [source, (f"{other}_id", goal.type, goal.table, goal.column)]


def name_of(node: ast.Call | None, given: Arguments) -> str:
    """The name given to an index or constraint."""
    return arguments(node, (), given.scope).maybe("name") if node is not None else ""
