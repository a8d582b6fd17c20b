"""Django's model fields as they stand in a migration: what column each of them is.

After Django 5.2 (db/models/fields, db/backends/*/base.py, `data_types`). A field class that is not
Django's own has the type UNKNOWN_TYPE.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from migsafe.adapters.alembic_columns import Arguments, arguments
from migsafe.adapters.alembic_text import Scope, dotted
from migsafe.adapters.ddl import UNKNOWN_TYPE, text_of
from migsafe.model.migration import Dialect

Types = tuple[str, str, str]
"""PostgreSQL's, MySQL's and SQLite's spelling; `{n}` stands for the length."""

_AUTO: dict[str, Types] = {
    "AutoField": ("integer", "integer", "integer"),
    "BigAutoField": ("bigint", "bigint", "integer"),
    "SmallAutoField": ("smallint", "smallint", "integer"),
}
_TYPES: dict[str, Types] = {
    **_AUTO,
    "BigIntegerField": ("bigint", "bigint", "bigint"),
    "BinaryField": ("bytea", "longblob", "BLOB"),
    "BooleanField": ("boolean", "bool", "bool"),
    "NullBooleanField": ("boolean", "bool", "bool"),
    "CharField": ("varchar{n}", "varchar{n}", "varchar{n}"),
    "DateField": ("date", "date", "date"),
    "DateTimeField": ("timestamp with time zone", "datetime(6)", "datetime"),
    "DecimalField": ("numeric{n}", "numeric{n}", "decimal"),
    "DurationField": ("interval", "bigint", "bigint"),
    "FloatField": ("double precision", "double precision", "real"),
    "GenericIPAddressField": ("inet", "char(39)", "char(39)"),
    "IPAddressField": ("inet", "char(15)", "char(15)"),
    "IntegerField": ("integer", "integer", "integer"),
    "JSONField": ("jsonb", "json", "text"),
    "PositiveBigIntegerField": ("bigint", "bigint UNSIGNED", "bigint unsigned"),
    "PositiveIntegerField": ("integer", "integer UNSIGNED", "integer unsigned"),
    "PositiveSmallIntegerField": ("smallint", "smallint UNSIGNED", "smallint unsigned"),
    "SmallIntegerField": ("smallint", "smallint", "smallint"),
    "TextField": ("text", "longtext", "text"),
    "TimeField": ("time", "time(6)", "time"),
    "UUIDField": ("uuid", "char(32)", "char(32)"),
    "HStoreField": ("hstore", UNKNOWN_TYPE, UNKNOWN_TYPE),
    "CITextField": ("citext", UNKNOWN_TYPE, UNKNOWN_TYPE),
    "CICharField": ("citext", UNKNOWN_TYPE, UNKNOWN_TYPE),
    "CIEmailField": ("citext", UNKNOWN_TYPE, UNKNOWN_TYPE),
    "SearchVectorField": ("tsvector", UNKNOWN_TYPE, UNKNOWN_TYPE),
    "DateRangeField": ("daterange", UNKNOWN_TYPE, UNKNOWN_TYPE),
    "DateTimeRangeField": ("tstzrange", UNKNOWN_TYPE, UNKNOWN_TYPE),
    "IntegerRangeField": ("int4range", UNKNOWN_TYPE, UNKNOWN_TYPE),
    "BigIntegerRangeField": ("int8range", UNKNOWN_TYPE, UNKNOWN_TYPE),
    "DecimalRangeField": ("numrange", UNKNOWN_TYPE, UNKNOWN_TYPE),
}
_LENGTHS = {"EmailField": 254, "URLField": 200, "SlugField": 50, "FileField": 100,
            "ImageField": 100, "FilePathField": 100,
            "CommaSeparatedIntegerField": None}  # fmt: skip
_TEXTS = {"CharField", "TextField", *_LENGTHS}
_POSITIVE = ("PositiveBigIntegerField", "PositiveIntegerField", "PositiveSmallIntegerField")
_KEYS = ("ForeignKey", "OneToOneField", "ParentalKey", "TreeForeignKey")
_MANY = ("ManyToManyField", "ParentalManyToManyField", "SortedManyToManyField")
_NO_COLUMN = {"GenericForeignKey", "GenericRelation", "TaggableManager",
              "ClusterTaggableManager"}  # fmt: skip
_OTHER = {"ArrayField", "GeneratedField"}
_AT = {Dialect.POSTGRES: 0, Dialect.MYSQL: 1, Dialect.SQLITE: 2}
COMPUTED = "'?'"
"""Stands for a value that Python computes once and sends as a constant."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a model: its class, and the arguments that it was declared with."""

    name: str
    kind: str
    given: Arguments = field(compare=False)
    node: ast.expr | None = field(default=None, compare=False)

    @property
    def is_key(self) -> bool:
        """Is it a foreign key?"""
        return self.kind in _KEYS or (self.kind.endswith("ForeignKey") and self.has_column)

    @property
    def is_many(self) -> bool:
        """Is it many-to-many: a table of its own?"""
        return self.kind in _MANY

    @property
    def has_column(self) -> bool:
        """Is there a column for it?"""
        return self.kind not in _NO_COLUMN and not self.is_many

    @property
    def is_auto(self) -> bool:
        """Does the database number it?"""
        return self.kind in _AUTO

    @property
    def is_text(self) -> bool:
        """Is it a field of text, where Django stores "" rather than NULL?"""
        return self.kind in _TEXTS

    @property
    def is_foreign(self) -> bool:
        """Is it a class that is not Django's? Most are of text (Field.empty_strings_allowed)."""
        return self.has_column and not self.is_key and self.kind not in {*_TYPES, *_TEXTS, *_OTHER}

    @property
    def column(self) -> str:
        """The column's name."""
        return self.given.maybe("db_column") or (f"{self.name}_id" if self.is_key else self.name)

    def flag(self, name: str) -> bool:
        """Is True given for that parameter?"""
        return self.given.flag(name)

    @property
    def null(self) -> bool:
        """May the column be NULL?"""
        return self.flag("null") or self.kind == "NullBooleanField"

    @property
    def unique(self) -> bool:
        """Is the column unique (a primary key apart)?"""
        return self.flag("unique") or self.kind == "OneToOneField"

    @property
    def indexed(self) -> bool:
        """Does Django make an index for it?"""
        said = self.given.found("db_index", self.is_key or self.kind == "SlugField")
        return said is True and not self.unique and not self.flag("primary_key")

    @property
    def constrained(self) -> bool:
        """Does the database know of the foreign key?"""
        return self.is_key and self.given.found("db_constraint", True) is not False

    def type(self, dialect: Dialect) -> str:
        """The column's type; for a foreign key the target's type is needed instead."""
        if self.kind == "ArrayField" and dialect is Dialect.POSTGRES:
            base = field_of("", self.given.node("base_field"), self.given.scope)
            return f"{base.type(dialect)}[]" if base else UNKNOWN_TYPE
        if self.kind == "GeneratedField":
            made = field_of("", self.given.node("output_field"), self.given.scope)
            return made.type(dialect) if made else UNKNOWN_TYPE
        kind = "CharField" if self.kind in _LENGTHS else self.kind
        types = _TYPES.get(kind)
        return types[_AT[dialect]].format(n=self._length(kind)) if types else UNKNOWN_TYPE

    def _length(self, kind: str) -> str:
        if kind == "DecimalField":
            digits = self.given.found("max_digits"), self.given.found("decimal_places")
            return f"({digits[0]}, {digits[1]})" if isinstance(digits[0], int) else ""
        found = self.given.found("max_length", _LENGTHS.get(self.kind))
        return f"({found})" if isinstance(found, int) else ""

    def check(self, dialect: Dialect) -> str:
        """What the column's type implies as a CHECK on its quoted name `{}`; "" for nothing."""
        if self.kind in _POSITIVE and dialect is not Dialect.MYSQL:
            return "{} >= 0"
        if self.kind == "JSONField" and dialect is Dialect.SQLITE:
            return "(JSON_VALID({}) OR {} IS NULL)"
        return ""

    # -- defaults ---------------------------------------------------------------------------------

    @property
    def has_default(self) -> bool:
        """Is a default given (in Python)?"""
        node = self.given.node("default")
        return node is not None and not dotted(node).endswith("NOT_PROVIDED")

    def filled(self, dialect: Dialect) -> str | None:
        """What Django fills old rows with while it adds the column; None for nothing (NULL)."""
        if self.is_key and not self.has_default:
            return None
        if self.has_default:
            found = self.given.found("default")
            if found is None:
                return None
            return literal_of(found, dialect)
        if not self.null and self.flag("blank") and (self.is_text or self.is_foreign):
            return "''"
        if self.flag("auto_now") or self.flag("auto_now_add"):
            return COMPUTED
        return None


def literal_of(found: object, dialect: Dialect) -> str:
    """A plain value as Django sends it; what is computed as it runs is a constant all the same."""
    if isinstance(found, bool) and dialect is Dialect.SQLITE:
        return str(int(found))
    return text_of(found, dialect) if isinstance(found, (int, float, str)) else COMPUTED


def field_of(name: str, node: ast.expr | None, scope: Scope) -> Field | None:
    """The field of a call such as `models.CharField(max_length=10)`; None for anything else."""
    if not isinstance(node, ast.Call):
        return None
    kind = dotted(node.func).rpartition(".")[2]
    if not kind:
        return None
    first = ("verbose_name", "name")
    if kind in _KEYS or kind in _MANY:
        first = ("to", "on_delete")
    elif kind == "ArrayField":
        first = ("base_field", "size")
    return Field(name, kind, arguments(node, first, scope), node)
