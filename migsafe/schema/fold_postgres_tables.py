"""What PostgreSQL makes of one table: names for what has none, and ALTER COLUMN in its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from migsafe.model.migration import Dialect, Operation
from migsafe.model.schema import Check, Column, ForeignKey, Index, Table, Unique, fold_name
from migsafe.schema.names import mentioned
from migsafe.sql.tokens import WORD, stripped, tokenize

_LONGEST = 63  # bytes of a name (manual, 4.1.1)


def chosen(parts: tuple[str, str, str], taken: set[str]) -> str:
    """The name of a constraint or index without one, `table_columns_label`, as the server picks it.

    Too long a name loses characters of its longer part; a number makes a taken one free
    (src/backend/commands/indexcmds.c, ChooseRelationName).
    """
    number = 0
    while True:
        name = _shortened(parts[0], parts[1], parts[2] + (str(number) if number else ""))
        if fold_name(name) not in taken:
            taken.add(fold_name(name))
            return name
        number += 1


def _shortened(first: str, second: str, label: str) -> str:
    room = _LONGEST - len(label.encode()) - 1 - bool(second)
    while len(first.encode()) + len(second.encode()) > room:
        if len(first.encode()) > len(second.encode()):
            first = first[:-1]
        else:
            second = second[:-1]
    return "_".join(part for part in (first, second, label) if part)


def constraint_names(table: Table) -> set[str]:
    """The folded names of a table's constraints."""
    names = [u.name for u in table.uniques] + [f.name for f in table.foreign_keys]
    names += [c.name for c in table.checks]
    return {fold_name(name) for name in (*names, table.key_name) if name}


def named(new: Table, before: Table, taken: set[str]) -> Table:
    """The table's new constraints with names; `before` has the columns they speak of.

    `taken` are names of relations: a UNIQUE constraint is an index, too.
    """
    short = new.name.rpartition(".")[2]
    own = constraint_names(before) | constraint_names(new)
    key_name = new.key_name
    if new.primary_key and not key_name:
        key_name = chosen((short, "", "pkey"), taken | own)
    uniques = tuple(u if u.name else _named_unique(u, short, taken | own) for u in new.uniques)
    foreign = tuple(f if f.name else _named_key(f, short, own) for f in new.foreign_keys)
    columns = [c.name for c in (*before.columns, *new.columns)]
    checks = tuple(c if c.name else _named_check(c, short, columns, own) for c in new.checks)
    keyed = tuple(replace(c, not_null=True) if c.primary_key else c for c in new.columns)
    return replace(
        new,
        columns=keyed,
        uniques=uniques,
        foreign_keys=foreign,
        checks=checks,
        key_name=key_name,
    )


def without_doubles(new: Table) -> Table:
    """A new table without the UNIQUE clauses that its primary key makes needless.

    The server makes one index for both (parse_utilcmd.c, transformIndexConstraints).
    """
    kept = tuple(u for u in new.uniques if u.exclusion or u.columns != new.primary_key)
    return replace(new, uniques=kept)


def _named_unique(unique: Unique, table: str, taken: set[str]) -> Unique:
    label = "excl" if unique.exclusion else "key"
    return replace(unique, name=chosen((table, "_".join(unique.columns), label), taken))


def _named_key(key: ForeignKey, table: str, taken: set[str]) -> ForeignKey:
    return replace(key, name=chosen((table, "_".join(key.columns), "fkey"), taken))


def _named_check(check: Check, table: str, columns: Iterable[str], taken: set[str]) -> Check:
    about = list(dict.fromkeys(c for c in columns if mentioned(check.expression, c)))
    only = about[0] if len(about) == 1 else ""
    return replace(check, name=chosen((table, only, "check"), taken))


# -- ALTER COLUMN ---------------------------------------------------------------------------------

_Change = Callable[[Column, Column], Column]

_CHANGES: dict[str, _Change] = {
    "set not null": lambda old, _: replace(old, not_null=True),
    "drop not null": lambda old, _: replace(old, not_null=False),
    "set default": lambda old, new: replace(old, default=new.default),
    "drop default": lambda old, _: replace(old, default=None, identity=_without_serial(old)),
    "type": lambda old, new: replace(old, type=new.type, collation=new.collation),
    "add identity": lambda old, new: replace(old, identity=new.identity, not_null=True),
    "drop identity": lambda old, _: replace(old, identity=_only_serial(old)),
    "drop expression": lambda old, _: replace(old, generated="", stored=False),
}


def _only_serial(column: Column) -> str:
    return "serial" if column.identity == "serial" else ""


def _without_serial(column: Column) -> str:
    return "" if column.identity == "serial" else column.identity


def altered(table: Table, operation: Operation) -> Table:
    """The table with one column changed in one respect."""
    column = table.column(operation.column)
    new = operation.definition
    change = _CHANGES.get(operation.value)
    if change is None or not isinstance(new, Table) or not new.columns:
        return table
    if column is None:
        return table if table.complete else with_column(table, new.columns[0])
    changed = change(column, new.columns[0])
    if operation.value in {"set default", "type"} and column.identity == "serial":
        changed = replace(changed, identity=_still_serial(operation.value, column))
    return replace(table, columns=tuple(changed if c is column else c for c in table.columns))


def _still_serial(value: str, column: Column) -> str:
    return column.identity if value == "type" else ""


def with_column(table: Table, column: Column) -> Table:
    """The table, of which only a part is known, with one more column."""
    return replace(table, columns=(*table.columns, column))


# -- constraints ----------------------------------------------------------------------------------


def validated(table: Table, name: str) -> Table:
    """The table with the constraint of that name checked over all rows."""
    short = fold_name(name)
    return replace(
        table,
        foreign_keys=tuple(
            replace(f, valid=True) if fold_name(f.name) == short else f for f in table.foreign_keys
        ),
        checks=tuple(
            replace(c, valid=True) if fold_name(c.name) == short else c for c in table.checks
        ),
    )


def renamed_constraint(table: Table, old: str, new: str) -> Table:
    """The table with one constraint under another name."""
    short = fold_name(old)
    return replace(
        table,
        uniques=tuple(
            replace(u, name=new) if fold_name(u.name) == short else u for u in table.uniques
        ),
        foreign_keys=tuple(
            replace(f, name=new) if fold_name(f.name) == short else f for f in table.foreign_keys
        ),
        checks=tuple(
            replace(c, name=new) if fold_name(c.name) == short else c for c in table.checks
        ),
        key_name=new if fold_name(table.key_name) == short else table.key_name,
    )


def without_constraint(table: Table, name: str) -> Table | None:
    """The table without the constraint of that name; None where it has none."""
    short = fold_name(name)
    table = named(table, Table(table.name), set())  # what came from elsewhere may lack names
    if fold_name(table.key_name) == short and table.primary_key:
        columns = tuple(replace(c, primary_key=0) for c in table.columns)
        return replace(table, columns=columns, key_name="")
    changed = replace(
        table,
        uniques=tuple(u for u in table.uniques if fold_name(u.name) != short),
        foreign_keys=tuple(f for f in table.foreign_keys if fold_name(f.name) != short),
        checks=tuple(c for c in table.checks if fold_name(c.name) != short),
    )
    return None if changed == table else changed


def with_constraint(table: Table, new: Table) -> Table:
    """The table with the constraints of `new`; the columns of a primary key take no NULL."""
    keys = {fold_name(c.name): c.primary_key for c in new.columns if c.primary_key}
    columns = tuple(
        replace(c, primary_key=keys[fold_name(c.name)], not_null=True)
        if fold_name(c.name) in keys
        else c
        for c in table.columns
    )
    return replace(
        table,
        columns=columns,
        uniques=(*table.uniques, *new.uniques),
        foreign_keys=(*table.foreign_keys, *new.foreign_keys),
        checks=(*table.checks, *new.checks),
        key_name=new.key_name if keys else table.key_name,
    )


def inherited(child: Table, parents: Iterable[Table]) -> Table:
    """The child with the columns of its parents, theirs first; a partition has their key, too.

    Constraints that it has only because a parent has them are not repeated.
    """
    columns: list[Column] = []
    complete = True
    for parent in parents:
        complete = complete and parent.complete
        # A sequence of its own stays the parent's (manual, 5.11.2; an identity's since 17).
        columns += [replace(c, identity="") for c in parent.columns if child.column(c.name) is None]
    if not child.partition_of:
        columns = [replace(c, primary_key=0) for c in columns]
    made = replace(child, columns=(*columns, *child.columns), complete=complete)
    keyed = made.primary_key and not child.key_name
    name = child.name.rpartition(".")[2]
    return replace(made, key_name=chosen((name, "", "pkey"), set())) if keyed else made


def index_words(index: Index) -> str:
    """The columns in the name of an index without one (ChooseIndexColumnNames)."""
    found: list[str] = []
    for term in index.columns:
        found.append(_free(_figured(term.name) if term.expression else term.name, found))
    return "_".join((*found, *index.include))


def _figured(expression: str) -> str:
    """What names an expression: the function that it is a call of (FigureIndexColname)."""
    tokens = tokenize(expression, Dialect.POSTGRES)
    call = len(tokens) > 2 and tokens[0].kind == WORD and tokens[1].text == "("
    alone = call and len(stripped(tokens[1:])) == len(tokens) - 3
    return tokens[0].text.lower() if alone else "expr"


def _free(name: str, taken: list[str]) -> str:
    number, first = 1, name
    while name in taken:
        name = f"{first}{number}"
        number += 1
    return name
