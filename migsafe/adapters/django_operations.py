"""Django's operations on models: what each does to the models and to the database.

After Django 5.2 (db/migrations/operations, contrib/postgres/operations.py).
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, replace

from migsafe.adapters.alembic_columns import Arguments, Unreadable
from migsafe.adapters.alembic_text import Scope, literal
from migsafe.adapters.ddl import named
from migsafe.adapters.django_alter import altered
from migsafe.adapters.django_constraints import (
    add_constraint,
    add_index,
    inside,
    is_unique,
    late_indexes,
    late_unique,
    name_in,
)
from migsafe.adapters.django_editor import Editor
from migsafe.adapters.django_fields import Field, field_of
from migsafe.adapters.django_state import Model, State
from migsafe.model.migration import Dialect

_EXTENSIONS = {"TrigramExtension": "pg_trgm", "HStoreExtension": "hstore",
               "CITextExtension": "citext", "UnaccentExtension": "unaccent",
               "BtreeGinExtension": "btree_gin", "BtreeGistExtension": "btree_gist",
               "CryptoExtension": "pgcrypto", "BloomExtension": "bloom"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One operation while it is read."""

    editor: Editor
    app: str
    given: Arguments
    operation: str = ""

    @property
    def state(self) -> State:
        """The models so far."""
        return self.editor.state

    @property
    def model(self) -> Model:
        """The model that it is about. Raises Unreadable."""
        return self.state.model(self.app, self.given.text("model_name"))

    def field(self, parameter: str = "field") -> Field:
        """The field given. Raises Unreadable."""
        name = self.given.text("name") if "name" in self.given.named else ""
        found = field_of(name, self.given.node(parameter), self.given.scope)
        if found is None:
            raise Unreadable("the field is not written out")
        return found


def listed(node: ast.expr | None, scope: Scope) -> list[ast.expr]:
    """The elements of a list, also of lists that are added or unpacked."""
    match node:
        case ast.List() | ast.Tuple():
            return [e for part in node.elts for e in _elements(part, scope)]
        case ast.BinOp(op=ast.Add()):
            return listed(node.left, scope) + listed(node.right, scope)
        case None:
            return []
        case ast.Constant(value=None):
            return []
        case _:
            return [node]


def _elements(part: ast.expr, scope: Scope) -> list[ast.expr]:
    return listed(part.value, scope) if isinstance(part, ast.Starred) else [part]


def _create_model(step: Step) -> None:
    given = step.given
    fields, complete = _fields(given)
    model = Model(step.app, given.text("name"), fields, complete=complete)
    model = _with_options(model, given.node("options"), given.scope)
    step.state.put(model)
    if model.managed:
        clauses = [inside(step.editor, model, c, given) for c in model.constraints.values()]
        step.editor.create(model, [c for c in clauses if c])
        late_unique(step.editor, model, given)
        step.editor.finish(model)
        late_indexes(step.editor, model, given)
        step.editor.join(model)


def _fields(given: Arguments) -> tuple[dict[str, Field], bool]:
    """The fields that are written out, and whether these are all."""
    made: dict[str, Field] = {}
    nodes = listed(given.node("fields"), given.scope)
    for pair in nodes:
        if not isinstance(pair, (ast.Tuple, ast.List)) or len(pair.elts) != 2:
            continue
        name = literal(pair.elts[0], given.scope)
        found = field_of(str(name), pair.elts[1], given.scope)
        if isinstance(name, str) and found is not None:
            made[name] = found
    return made, len(made) == len(nodes)


def _with_options(model: Model, node: ast.expr | None, scope: Scope) -> Model:
    if not isinstance(node, ast.Dict):
        return model
    said = {literal(k, scope): v for k, v in zip(node.keys, node.values, strict=True)}
    table = literal(said.get("db_table"), scope)
    proxy = any(literal(said.get(n), scope) is True for n in ("proxy", "abstract"))
    together = {
        (kind, names)
        for kind in ("unique", "index")
        for names in sets_of(said.get(f"{kind}_together"), scope)
    }
    return replace(
        model,
        own_table=table if isinstance(table, str) else "",
        managed=not proxy and literal(said.get("managed"), scope) is not False,
        together=frozenset(together),
        indexes=_calls(said.get("indexes"), scope),
        constraints=_calls(said.get("constraints"), scope),
    )


def sets_of(node: ast.expr | None, scope: Scope) -> list[tuple[str, ...]]:
    """The tuples of `unique_together`: a set of tuples, or one tuple alone."""
    if isinstance(node, ast.Call) and node.args:
        node = node.args[0]
    found = literal(node, scope)
    if not isinstance(found, tuple) or not found:
        return []
    if all(isinstance(f, str) for f in found):
        return [found]
    return [f for f in found if isinstance(f, tuple)]


def _calls(node: ast.expr | None, scope: Scope) -> dict[str, ast.Call]:
    found = [n for n in listed(node, scope) if isinstance(n, ast.Call)]
    return {name_in(n, scope) or str(i): n for i, n in enumerate(found)}


def _delete_model(step: Step) -> None:
    model = step.state.model(step.app, step.given.text("name"))
    if model.managed:
        for one in model.fields.values():
            if one.is_many and (table := step.state.joined(model, one)):
                step.editor.drop(table)
        step.editor.drop(model.table)
    step.state.models.pop(model.key, None)


def _rename_model(step: Step) -> None:
    state, editor = step.state, step.editor
    old = state.model(step.app, step.given.text("old_name"))
    new = replace(old, name=step.given.text("new_name"))
    state.models.pop(old.key, None)
    state.put(new)
    _redirect(state, old, new)
    if not old.managed or old.table == new.table:
        return
    editor.rename(old.table, new.table)
    for many in new.fields.values():
        if many.is_many and state.joined(new, many):
            editor.rename(state.joined(old, many), state.joined(new, many))
            _rename_end(editor, state.joined(new, many), old, new)
    for other in sorted(state.models.values(), key=lambda m: m.key):
        for many in other.fields.values():
            refers = many.is_many and other.key != new.key and state.joined(other, many)
            if refers and _names(state, other, many, new):
                _rename_end(editor, refers, old, new)


def _names(state: State, model: Model, many: Field, wanted: Model) -> bool:
    node, said = many.given.node("to"), many.given.found("to")
    return state.named(node, model.app, model, said) == wanted.key


def _rename_end(editor: Editor, table: str, old: Model, new: Model) -> None:
    """The column of a many-to-many table is called after its model."""
    ends = editor.quoted(f"{old.name.lower()}_id"), editor.quoted(f"{new.name.lower()}_id")
    if ends[0] != ends[1]:
        editor.send(f"ALTER TABLE {editor.quoted(table)} RENAME COLUMN {ends[0]} TO {ends[1]}")


def _redirect(state: State, old: Model, new: Model) -> None:
    """Relations that name the model follow it."""
    for key, model in list(state.models.items()):
        fields = {n: _retargeted(f, model, old, new) for n, f in model.fields.items()}
        state.models[key] = replace(model, fields=fields)


def _retargeted(one: Field, model: Model, old: Model, new: Model) -> Field:
    said = one.given.found("to")
    if not isinstance(said, str) or said == "self":
        return one
    full = said if "." in said else f"{model.app}.{said}"
    if full.lower() != old.key:
        return one
    there = ast.copy_location(ast.Constant(new.key), one.given.named["to"])
    given = replace(one.given, named={**one.given.named, "to": there})
    return replace(one, given=given)


def _alter_table(step: Step) -> None:
    old = step.state.model(step.app, step.given.text("name"))
    new = replace(old, own_table=step.given.maybe("table"))
    step.state.put(new)
    if old.managed:
        step.editor.rename(old.table, new.table)
        for many in new.fields.values():
            if many.is_many and step.state.joined(new, many):
                step.editor.rename(step.state.joined(old, many), step.state.joined(new, many))


def _add_field(step: Step) -> None:
    model, one = step.model, step.field()
    step.state.put(model.changed(one.name, one))
    if model.managed:
        step.editor.add_field(step.model, one)


def _remove_field(step: Step) -> None:
    model, name = step.model, step.given.text("name")
    one = model.fields.get(name)
    if model.managed and one is not None:
        step.editor.remove_field(model, one)
    elif one is None and not model.fields:
        raise Unreadable("its model is not known")
    step.state.put(model.changed(name, None))


def _alter_field(step: Step) -> None:
    before, new = step.model, step.field()
    old = before.fields.get(new.name)
    after = before.changed(new.name, new)
    if old is None:
        raise Unreadable("its model or field is not known")
    step.state.put(after)
    if before.managed:
        altered(step.editor, before, after, old, new)


def _rename_field(step: Step) -> None:
    before, name = step.model, step.given.text("old_name")
    old, new_name = before.fields.get(name), step.given.text("new_name")
    if old is None:
        raise Unreadable("its model or field is not known")
    new = replace(old, name=new_name)
    fields = {new_name if n == name else n: new if n == name else f
              for n, f in before.fields.items()}  # fmt: skip
    together = frozenset((k, tuple(new_name if n == name else n for n in names))
                         for k, names in before.together)  # fmt: skip
    after = replace(before, fields=fields, together=together)
    step.state.put(after)
    if before.managed:
        altered(step.editor, before, after, old, new)


def _together(step: Step) -> None:
    kind = "unique" if step.operation == "AlterUniqueTogether" else "index"
    model = step.state.model(step.app, step.given.text("name"))
    wanted = {(kind, n) for n in sets_of(step.given.node(f"{kind}_together"), step.given.scope)}
    now = {t for t in model.together if t[0] == kind}
    step.state.put(replace(model, together=(model.together - now) | wanted))
    if model.managed:
        for _, names in sorted(now - wanted):
            step.editor.apart(model, kind, names)
        for _, names in sorted(wanted - now):
            step.editor.together(model, kind, names)


def _order(step: Step) -> None:
    """`order_with_respect_to` is an integer column `_order`."""
    model = step.state.model(step.app, step.given.text("name"))
    said = step.given.maybe("order_with_respect_to")
    call = ast.parse("models.IntegerField(default=0)", mode="eval").body
    made = field_of("_order", call, step.given.scope)
    step.state.put(replace(model, ordered=said))
    if made is not None and model.managed and bool(said) != bool(model.ordered):
        (step.editor.add_field if said else step.editor.remove_field)(model, made)


# -- indexes, constraints, extensions -------------------------------------------------------------


def _add_index(step: Step) -> None:
    model, node = step.model, step.given.node("index")
    if not isinstance(node, ast.Call):
        raise Unreadable("the index is not written out")
    name = name_in(node, step.given.scope)
    step.state.put(replace(model, indexes={**model.indexes, name: node}))
    if model.managed:
        how = "CONCURRENTLY" if step.operation == "AddIndexConcurrently" else ""
        add_index(step.editor, model, node, step.given, how)


def _remove_index(step: Step) -> None:
    model, name = step.model, step.given.text("name")
    left = {n: i for n, i in model.indexes.items() if n != name}
    step.state.put(replace(model, indexes=left))
    if model.managed:
        how = "CONCURRENTLY" if step.operation == "RemoveIndexConcurrently" else ""
        step.editor.drop_index(model, name, how)


def _rename_index(step: Step) -> None:
    model, new = step.model, step.given.text("new_name")
    old = step.given.maybe("old_name")
    if not old:
        raise Unreadable("the index has no name of its own")
    kept = {new if n == old else n: i for n, i in model.indexes.items()}
    step.state.put(replace(model, indexes=kept))
    editor = step.editor
    if editor.sqlite:
        editor.drop_index(model, old)
        node = kept.get(new)
        if node is not None:
            add_index(editor, model, node, step.given, name=new)
    elif editor.postgres:
        editor.send(f"ALTER INDEX {editor.quoted(old)} RENAME TO {editor.quoted(new)}")
    else:
        rename = f"RENAME INDEX {editor.quoted(old)} TO {editor.quoted(new)}"
        editor.send(f"ALTER TABLE {editor.quoted(model.table)} {rename}")


def _add_constraint(step: Step) -> None:
    model, node = step.model, step.given.node("constraint")
    if not isinstance(node, ast.Call):
        raise Unreadable("the constraint is not written out")
    name = name_in(node, step.given.scope)
    step.state.put(replace(model, constraints={**model.constraints, name: node}))
    if model.managed:
        late = step.operation == "AddConstraintNotValid"
        add_constraint(step.editor, model, node, step.given, valid=not late)


def _remove_constraint(step: Step) -> None:
    model, name = step.model, step.given.text("name")
    node = model.constraints.get(name)
    left = {n: c for n, c in model.constraints.items() if n != name}
    step.state.put(replace(model, constraints=left))
    if not model.managed:
        return
    if is_unique(node) == "index":
        step.editor.drop_index(model, name)
    else:
        step.editor.drop_constraint(model.table, name, unique=is_unique(node) == "unique")


def _validate(step: Step) -> None:
    if step.editor.postgres:
        table, name = named(step.model.table, Dialect.POSTGRES), step.given.text("name")
        validate = f"VALIDATE CONSTRAINT {step.editor.quoted(name)}"
        step.editor.send(f"ALTER TABLE {table} {validate}")


def _extension(step: Step) -> None:
    if step.editor.postgres:
        name = _EXTENSIONS.get(step.operation) or step.given.text("name")
        step.editor.send(f"CREATE EXTENSION IF NOT EXISTS {step.editor.quoted(name)}")


def _collation(step: Step) -> None:
    if step.editor.postgres:
        name = step.editor.quoted(step.given.text("name"))
        made = step.operation == "CreateCollation"
        locale = step.given.maybe("locale").replace("'", "''")
        tail = f" (provider = {step.given.maybe('provider') or 'libc'}, locale = '{locale}')"
        step.editor.send(f"{'CREATE' if made else 'DROP'} COLLATION {name}{tail if made else ''}")


_ON_FIELD = ("model_name", "name", "field")
OPERATIONS: dict[str, tuple[tuple[str, ...], Callable[[Step], None]]] = {
    "CreateModel": (("name", "fields", "options", "bases"), _create_model),
    "DeleteModel": (("name",), _delete_model),
    "RenameModel": (("old_name", "new_name"), _rename_model),
    "AlterModelTable": (("name", "table"), _alter_table),
    "AlterUniqueTogether": (("name", "unique_together"), _together),
    "AlterIndexTogether": (("name", "index_together"), _together),
    "AlterOrderWithRespectTo": (("name", "order_with_respect_to"), _order),
    "AddField": (_ON_FIELD, _add_field),
    "RemoveField": (("model_name", "name"), _remove_field),
    "AlterField": (_ON_FIELD, _alter_field),
    "RenameField": (("model_name", "old_name", "new_name"), _rename_field),
    **dict.fromkeys(
        ("AddIndex", "AddIndexConcurrently"), (("model_name", "index"), _add_index)
    ),
    **dict.fromkeys(
        ("RemoveIndex", "RemoveIndexConcurrently"), (("model_name", "name"), _remove_index)
    ),
    "RenameIndex": (("model_name", "new_name", "old_name", "old_fields"), _rename_index),
    **dict.fromkeys(
        ("AddConstraint", "AddConstraintNotValid"), (("model_name", "constraint"), _add_constraint)
    ),
    "RemoveConstraint": (("model_name", "name"), _remove_constraint),
    "ValidateConstraint": (("model_name", "name"), _validate),
    "CreateExtension": (("name",), _extension),
    **dict.fromkeys(_EXTENSIONS, ((), _extension)),
    **dict.fromkeys(
        ("CreateCollation", "RemoveCollation"), (("name", "locale", "provider"), _collation)
    ),
}  # fmt: skip
"""The operations by name: their positional parameters, and what reads them."""
