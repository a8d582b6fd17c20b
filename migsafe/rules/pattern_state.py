"""What a pattern says of the objects that a statement makes: asked of the schema after it."""

from __future__ import annotations

from migsafe.model.migration import Kind, Operation
from migsafe.model.schema import Column, ForeignKey, Index, Table, Trigger, UserType, View
from migsafe.rules.pattern_match import Match, literal

_WITH_CONSTRAINTS = {Kind.ADD_COLUMN, Kind.ADD_CONSTRAINT, Kind.CREATE_TABLE}


def listed_columns(operation: Operation) -> tuple[tuple[str, str], ...]:
    """The operation's column list: (name or expression, collation)."""
    if isinstance(operation.definition, Index):
        return tuple((c.name, c.collation) for c in operation.definition.columns)
    return tuple((name, "") for name in operation.columns)


def ask(match: Match, o: str, operation: Operation) -> None:
    """Ask the facts' states for what the operation's definition says beyond its row."""
    definition = operation.definition
    if isinstance(definition, Index) and definition.method:
        i = _join(match, o, "index_state", f"tbl = {o}.tbl AND {o}_is.name = {o}.name", "is")
        match.text(f"{i}.method", definition.method)
    elif isinstance(definition, Trigger):
        _trigger(match, o, definition)
    elif isinstance(definition, View):
        v = _join(match, o, "view_state", f"name = {o}.name", "vs")
        match.text(f"{v}.body", definition.select)
    elif isinstance(definition, UserType):
        _type(match, o, definition)
    elif isinstance(definition, Table):
        _table(match, o, operation, definition)


def _join(match: Match, o: str, table: str, on: str, mark: str) -> str:
    alias = f"{o}_{mark}"
    match.joins.append(f"{table} {alias} ON {alias}.since = {o}.statement AND {alias}.{on}")
    return alias


def _trigger(match: Match, o: str, made: Trigger) -> None:
    t = _join(match, o, "trigger_state", f"name = {o}.name", "ts")
    if made.timing:
        match.text(f"{t}.timing", made.timing)
    match.text(f"{t}.event", made.event)
    match.text(f"{t}.body", made.body)


def _type(match: Match, o: str, made: UserType) -> None:
    t = _join(match, o, "type_state", f"name = {o}.name", "ts")
    match.conditions.append(f"{t}.kind = {literal(made.kind)}")
    if made.base:
        match.text(f"{t}.base", made.base)
    for number, label in enumerate(made.labels):
        if not match.is_rest(label):
            match.text(f"json_extract({t}.labels, '$[{number}]')", label)


def _table(match: Match, o: str, operation: Operation, made: Table) -> None:
    if operation.kind is Kind.CREATE_TABLE:
        _marks(match, o, made)
        for number, column in enumerate(made.columns):
            if not match.is_rest(column.name):
                _column(match, o, column, f"c{number}")
    elif operation.kind is Kind.ADD_COLUMN and made.columns and made.columns[0].collation:
        _column(match, o, made.columns[0], "c0")
    if operation.kind in _WITH_CONSTRAINTS:
        _constraints(match, o, operation, made)


def _marks(match: Match, o: str, made: Table) -> None:
    for flag in ("strict", "without_rowid", "unlogged"):
        if getattr(made, flag):
            t = _join(match, o, "table_state", f"tbl = {o}.tbl", flag)
            match.conditions.append(f"{t}.{flag}")
    if made.virtual:
        t = _join(match, o, "table_state", f"tbl = {o}.tbl", "virtual")
        match.text(f"{t}.virtual", made.virtual)


def _column(match: Match, o: str, column: Column, mark: str) -> None:
    c = _join(match, o, "column_state", f"tbl = {o}.tbl", mark)
    match.text(f"{c}.col", column.name)
    for name in ("type", "default", "collation"):
        told = getattr(column, name)
        if told:
            match.text(f"{c}.{'default_sql' if name == 'default' else name}", told)
    for name in ("not_null", "primary_key"):
        if getattr(column, name):
            match.conditions.append(f"{c}.{name}")


def _constraints(match: Match, o: str, operation: Operation, made: Table) -> None:
    for number, key in enumerate(made.foreign_keys):
        _foreign_key(match, o, key, f"fk{number}")
    for number, check in enumerate(made.checks):
        c = _join(match, o, "check_state", f"tbl = {o}.tbl", f"ch{number}")
        match.text(f"{c}.expression", check.expression)
    if operation.kind is Kind.ADD_COLUMN:
        return
    for number, unique in enumerate(made.uniques):
        u = _join(
            match,
            o,
            "index_state",
            f"tbl = {o}.tbl AND {o}_un{number}.origin = 'unique'",
            f"un{number}",
        )
        _list(match, f"{u}.columns", unique.columns)
    if operation.kind is Kind.ADD_CONSTRAINT and made.primary_key:
        _join(match, o, "index_state", f"tbl = {o}.tbl AND {o}_pk.origin = 'primary key'", "pk")


def _foreign_key(match: Match, o: str, key: ForeignKey, mark: str) -> None:
    k = _join(match, o, "foreign_key_state", f"tbl = {o}.tbl", mark)
    _list(match, f"{k}.columns", key.columns)
    match.text(f"{k}.ref_tbl", key.ref_table)
    _list(match, f"{k}.ref_columns", key.ref_columns)
    for name in ("on_delete", "on_update"):
        if getattr(key, name) != "NO ACTION":
            match.text(f"{k}.{name}", getattr(key, name))


def _list(match: Match, column: str, names: tuple[str, ...]) -> None:
    """A comma-separated list of names; one that ends in `$...` may go on."""
    if any(match.is_rest(n) for n in names):
        told = [n for n in names if not match.is_rest(n)]
        if told:
            match.text(column, ", ".join(names))
    elif names:
        match.text(column, ", ".join(names))
