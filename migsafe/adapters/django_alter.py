"""AlterField and RenameField: what Django sends to make one column out of another.

After Django 5.2, `BaseDatabaseSchemaEditor._alter_field` and its heirs.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from migsafe.adapters.alembic_text import dotted
from migsafe.adapters.django_editor import Editor
from migsafe.adapters.django_fields import Field
from migsafe.adapters.django_names import index_name
from migsafe.adapters.django_state import Model
from migsafe.model.migration import Dialect, Kind, Operation

_NOT_STORED = {"blank", "choices", "db_column", "editable", "error_messages", "help_text",
               "limit_choices_to", "on_delete", "related_name", "related_query_name",
               "validators", "verbose_name"}  # fmt: skip
"""Arguments that leave the database as it is (Field.non_db_attrs)."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field before and after, each in the model that it belongs to."""

    editor: Editor
    before: Model
    after: Model
    old: Field
    new: Field

    @property
    def table(self) -> str:
        """The table's name in quotes."""
        return self.editor.quoted(self.after.table)

    @property
    def column(self) -> str:
        """The new column's name in quotes."""
        return self.editor.quoted(self.new.column)

    @property
    def types(self) -> tuple[str, str]:
        """Both columns' types."""
        state = self.editor.state
        return state.type(self.before, self.old), state.type(self.after, self.new)


def altered(editor: Editor, before: Model, after: Model, old: Field, new: Field) -> None:
    """Send what makes the new field's column of the old one's."""
    if old.is_many and new.is_many:
        editor.rename(editor.state.joined(before, old), editor.state.joined(after, new))
    if not old.has_column or not new.has_column:
        _replaced(editor, before, after, old, new)
        return
    change = Change(editor, before, after, old, new)
    if not _stored(change):
        return
    keyed = editor.state.keyed(before, old)
    dropped = keyed and not editor.sqlite and _declared(old) != _declared(new)
    if dropped:
        editor.drop_key(before, old)
    _taken_away(change)
    if old.column != new.column:
        _renamed(change)
    if editor.sqlite:
        _on_sqlite(change)
    elif editor.postgres:
        _on_postgres(change)
    else:
        _on_mysql(change)
    _added(change)
    if editor.state.keyed(after, new) and (dropped or not keyed):
        editor.add_key(after, new)


def _replaced(editor: Editor, before: Model, after: Model, old: Field, new: Field) -> None:
    if old.has_column:
        editor.remove_field(before, old)
    elif new.has_column:
        editor.add_field(after, new)


def _stored(change: Change) -> bool:
    """Does the database see any of it?"""
    return change.old.column != change.new.column or _declared(change.old) != _declared(change.new)


def _declared(one: Field) -> tuple[str, ...]:
    """The class and the arguments that the database could see, as text."""
    node = one.node
    if not isinstance(node, ast.Call):
        return (one.kind,)
    first = "to" if one.is_key else ""
    said = [f"{first}={ast.dump(a)}" for a in node.args]
    said += [f"{k.arg}={ast.dump(k.value)}" for k in node.keywords if k.arg not in _NOT_STORED]
    return (dotted(node.func).rpartition(".")[2], *sorted(said))


def _taken_away(change: Change) -> None:
    """Constraints and indexes that the new field has no more."""
    editor, old, new = change.editor, change.old, change.new
    if old.unique and not new.unique and not old.flag("primary_key"):
        _drop_unique(change)
    if old.indexed and not new.indexed and not new.unique:
        name = index_name(change.before.table, [old.column], "", editor.dialect)
        editor.drop_index(change.before, name)
    rule = old.check(editor.dialect)
    if rule and rule != new.check(editor.dialect) and editor.postgres:
        editor.drop_constraint(change.before.table, f"{change.before.table}_{old.column}_check")


def _drop_unique(change: Change) -> None:
    """A UNIQUE of the column's own declaration has the name that the database gives."""
    editor, table, column = change.editor, change.before.table, change.old.column
    if editor.sqlite:
        kind = Kind.DROP_CONSTRAINT
        editor.made.append(Operation(kind, table, columns=(column,), line=editor.line))
    else:
        name = f"{table}_{column}_key" if editor.postgres else column
        editor.drop_constraint(table, name, unique=True)


def _renamed(change: Change) -> None:
    editor, old = change.editor, editor_name(change)
    if editor.dialect is Dialect.MYSQL:
        status = "NULL" if change.old.null else "NOT NULL"
        text = f"CHANGE {old} {change.column} {change.types[0]} {status}"
    else:
        text = f"RENAME COLUMN {old} TO {change.column}"
    editor.send(f"ALTER TABLE {change.table} {text}")


def editor_name(change: Change) -> str:
    """The old column's name in quotes."""
    return change.editor.quoted(change.old.column)


def _added(change: Change) -> None:
    """Constraints and indexes that the new field brings."""
    editor, old, new = change.editor, change.old, change.new
    if new.unique and not old.unique and not new.flag("primary_key"):
        editor.unique_of(change.after, new)
    if (new.indexed and not old.indexed) or (new.unique and not old.unique):
        editor.indexes(change.after, new)
    rule = new.check(editor.dialect)
    if rule and rule != old.check(editor.dialect) and not editor.sqlite:
        name = index_name(change.after.table, [new.column], "_check", editor.dialect)
        text = rule.format(change.column, change.column)
        clause = f"CONSTRAINT {editor.quoted(name)} CHECK ({text})"
        editor.constrain(f"ALTER TABLE {change.table} ADD {clause}")


# -- the column itself ----------------------------------------------------------------------------


def _fill(change: Change) -> str | None:
    """What NULLs become where the column forbids them from now on; None: they stay."""
    if not change.old.null or change.new.null or change.new.kind == "GeneratedField":
        return None
    fixed = change.editor.database_default(change.after, change.new)
    return fixed or change.new.filled(change.editor.dialect)


def _replace_nulls(change: Change, value: str) -> None:
    text = f"UPDATE {change.table} SET {change.column} = {value} WHERE {change.column} IS NULL"
    change.editor.send(text)


def _on_sqlite(change: Change) -> None:
    """The copied table gets coalesce(old, default), whatever the default."""
    value = _fill(change)
    if value is not None:
        _replace_nulls(change, value)
    old, new = change.types
    editor = change.editor
    kept = editor.database_default(change.before, change.old)
    fresh = editor.database_default(change.after, change.new)
    if (old, change.old.null, kept) != (new, change.new.null, fresh):
        editor.declare(change.after, change.new)


def _on_postgres(change: Change) -> None:
    editor, new = change.editor, change.new
    actions = _type_actions(change)
    kept = editor.database_default(change.before, change.old)
    fixed = editor.database_default(change.after, new)
    if kept != fixed:
        how = f"SET DEFAULT {fixed}" if fixed else "DROP DEFAULT"
        actions.append(f"ALTER COLUMN {change.column} {how}")
    value = None if fixed else _fill(change)
    if value is not None:
        actions.append(f"ALTER COLUMN {change.column} SET DEFAULT {value}")
    status = _null_actions(change)
    wait = bool(status) and (value is not None or bool(fixed)) and _is_given(change)
    _together(change, actions if wait else [*actions, *status])
    if wait:
        _replace_nulls(change, fixed or value or "NULL")
        _together(change, status)
    if value is not None:
        _together(change, [f"ALTER COLUMN {change.column} DROP DEFAULT"])
    _related(change)


def _is_given(change: Change) -> bool:
    """Django fills NULLs only from a default that the field names itself."""
    return change.new.has_default or change.new.given.node("db_default") is not None


def _null_actions(change: Change) -> list[str]:
    if change.old.null == change.new.null:
        return []
    return [f"ALTER COLUMN {change.column} {'DROP' if change.new.null else 'SET'} NOT NULL"]


def _together(change: Change, actions: list[str]) -> None:
    if actions:
        change.editor.send(f"ALTER TABLE {change.table} {', '.join(actions)}")


def _type_actions(change: Change) -> list[str]:
    old, new = change.types
    alter = f"ALTER COLUMN {change.column}"
    made = [f"{alter} DROP IDENTITY"] if change.old.is_auto and not change.new.is_auto else []
    if old != new:
        cast = f" USING {change.column}::{new}" if _base(old) != _base(new) else ""
        made.append(f"{alter} TYPE {new}{cast}")
    if change.new.is_auto and not change.old.is_auto:
        made.append(f"{alter} ADD GENERATED BY DEFAULT AS IDENTITY")
    return made


def _base(kind: str) -> str:
    return kind.partition("(")[0]


def _on_mysql(change: Change) -> None:
    editor, new = change.editor, change.new
    alter = f"ALTER TABLE {change.table}"
    old_type, new_type = change.types
    fixed = editor.database_default(change.after, new)
    value = fixed or _fill(change)
    status = "NULL" if new.null else "NOT NULL"
    becomes = f"{alter} MODIFY {change.column} {new_type} {status}"
    number = " AUTO_INCREMENT" if new.is_auto else ""
    if old_type != new_type:
        before = "NULL" if change.old.null else status
        editor.send(f"{alter} MODIFY {change.column} {new_type} {before}{number}")
    if value is not None and change.old.null != new.null:
        if not fixed:
            editor.send(f"{alter} ALTER COLUMN {change.column} SET DEFAULT {value}")
        if _is_given(change):
            _replace_nulls(change, value)
    if change.old.null != new.null:
        editor.send(becomes + number)
    if value is not None and not fixed and change.old.null != new.null:
        editor.send(f"{alter} ALTER COLUMN {change.column} DROP DEFAULT")
    _related(change)


def _related(change: Change) -> None:
    """Keys that refer to a primary key follow its type."""
    old, new = change.types
    if old == new or not change.new.flag("primary_key"):
        return
    editor = change.editor
    for model in sorted(editor.state.models.values(), key=lambda m: m.key):
        for one in model.fields.values():
            if one.is_key and one.has_column and model.managed and _refers(change, model, one):
                _follow(editor, model, one, new)


def _refers(change: Change, model: Model, one: Field) -> bool:
    return change.editor.state.target(model, one).table == change.after.table


def _follow(editor: Editor, model: Model, one: Field, kind: str) -> None:
    if editor.state.keyed(model, one):
        editor.drop_key(model, one)
    column, status = editor.quoted(one.column), "NULL" if one.null else "NOT NULL"
    how = f"MODIFY {column} {kind} {status}"
    if editor.postgres:
        how = f"ALTER COLUMN {column} TYPE {kind} USING {column}::{kind}"
    editor.send(f"ALTER TABLE {editor.quoted(model.table)} {how}")
    if editor.state.keyed(model, one):
        editor.add_key(model, one)
