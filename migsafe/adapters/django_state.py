"""The models that Django believes in after each migration: which table and columns each one is."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from migsafe.adapters.alembic_text import dotted
from migsafe.adapters.ddl import UNKNOWN_TYPE
from migsafe.adapters.django_fields import Field
from migsafe.adapters.django_names import joined_table
from migsafe.model.migration import Dialect

_SELF = "self"
_MOST_KEYS = 8  # a key may refer to a key that refers to a key


@dataclass(frozen=True, slots=True)
class Model:
    """A model: `key` is its `app.name` in lower case, `fields` are in the order of their making."""

    app: str
    name: str
    fields: Mapping[str, Field] = field(default_factory=dict)
    own_table: str = ""
    managed: bool = True
    together: frozenset[tuple[str, tuple[str, ...]]] = frozenset()  # (unique | index, fields)
    indexes: Mapping[str, ast.Call] = field(default_factory=dict)
    constraints: Mapping[str, ast.Call] = field(default_factory=dict)
    ordered: str = ""  # order_with_respect_to
    complete: bool = True  # False: a field is not written out

    @property
    def key(self) -> str:
        """How other models refer to it."""
        return f"{self.app}.{self.name}".lower()

    @property
    def table(self) -> str:
        """Its table's name."""
        return self.own_table.strip('"') or f"{self.app}_{self.name.lower()}"

    @property
    def primary(self) -> Field | None:
        """The field that is the primary key."""
        return next((f for f in self.fields.values() if f.flag("primary_key")), None)

    def column(self, name: str) -> str:
        """The column of a field; a name that is unknown stands for itself."""
        if name == "pk":
            return self.primary.column if self.primary else "id"
        if name in self.fields:
            return self.fields[name].column
        stem = name.removesuffix("_id")
        return self.fields[stem].column if stem in self.fields else name

    def changed(self, name: str, made: Field | None) -> Model:
        """The model with that field (None: without it)."""
        fields = {**self.fields, name: made} if made else dict(self.fields)
        if made is None:
            fields.pop(name, None)
        return replace(self, fields=fields)


@dataclass(frozen=True, slots=True)
class Target:
    """What a foreign key refers to: a table, its column, and that column's type."""

    table: str
    column: str
    type: str


@dataclass(slots=True)
class State:
    """All models at one point of the history; `user` is AUTH_USER_MODEL."""

    dialect: Dialect
    user: str = "auth.User"
    models: dict[str, Model] = field(default_factory=dict)

    def copy(self) -> State:
        """A state that changes on its own."""
        return State(self.dialect, self.user, dict(self.models))

    def model(self, app: str, name: str) -> Model:
        """The model of that name; one that is not known has no fields."""
        return self.models.get(f"{app}.{name}".lower()) or Model(app, name)

    def put(self, model: Model) -> None:
        """Replace or add a model."""
        self.models[model.key] = model

    def named(self, node: ast.expr | None, app: str, model: Model, said: object) -> str:
        """The key of the model that a relation names."""
        if isinstance(said, str):
            if said == _SELF:
                return model.key
            return (said if "." in said else f"{app}.{said}").lower()
        if node is not None and dotted(node).endswith("AUTH_USER_MODEL"):
            return self.user.lower()
        return ""

    def keyed(self, model: Model, one: Field) -> bool:
        """Does the database know of a foreign key, and we of its target?"""
        if not one.constrained:
            return False
        return bool(self.named(one.given.node("to"), model.app, model, one.given.found("to")))

    def target(self, model: Model, key: Field, depth: int = 0) -> Target:
        """What a foreign key refers to. Outside the project Django's usual key is taken."""
        node, said = key.given.node("to"), key.given.found("to")
        name = self.named(node, model.app, model, said)
        found = self.models.get(name)
        if found is None:
            return Target(name.replace(".", "_", 1) or "?", "id", _outside(name, self.dialect))
        wanted = key.given.maybe("to_field")
        goal = found.fields.get(wanted) if wanted else found.primary
        if goal is None:
            return Target(found.table, "id", UNKNOWN_TYPE)
        return Target(found.table, goal.column, self.type(found, goal, depth + 1))

    def type(self, model: Model, one: Field, depth: int = 0) -> str:
        """A column's type; a foreign key has that of its target."""
        if one.is_key:
            return self.target(model, one, depth).type if depth < _MOST_KEYS else UNKNOWN_TYPE
        if depth and self.dialect is Dialect.SQLITE and one.kind == "BigAutoField":
            return "bigint"
        return one.type(self.dialect)

    def joined(self, model: Model, many: Field) -> str:
        """The name of a many-to-many field's own table, "" where another model is that table."""
        if many.given.node("through") is not None and many.given.found("through") is not None:
            return ""
        said = many.given.maybe("db_table").strip('"')
        return said or joined_table(model.table, many.name, self.dialect)


def _outside(name: str, dialect: Dialect) -> str:
    """Django's own apps keep integer keys; others may have any."""
    own = {"auth", "contenttypes", "sites", "admin", "sessions", "flatpages", "redirects"}
    return "integer" if name.partition(".")[0] in own and dialect else UNKNOWN_TYPE
