"""Read ALTER TABLE of MySQL and MariaDB: one operation for each action.

Every operation carries what the statement says as a whole: `algorithm=`, `lock=`, `wait=` and the
words ignore, online, nowait, `if exists=table`. (MySQL manual, ALTER TABLE Statement; MariaDB
Knowledge Base, ALTER TABLE.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from migsafe.model.migration import Kind, Operation
from migsafe.model.schema import Column, Index, Table
from migsafe.sql import mysql_columns as columns
from migsafe.sql import mysql_partitions as partitions
from migsafe.sql import mysql_parts as parts
from migsafe.sql.reader import Reader, UnreadError
from migsafe.sql.tokens import WORD

Actions = tuple[Operation, ...]
Action = Callable[[Reader, Operation], Actions]


def alter_table(reader: Reader) -> Actions:
    """ALTER [ONLINE] [IGNORE] TABLE, from TABLE on."""
    words = _before(reader)
    line = reader.line()
    if reader.if_exists():
        words.append("if exists=table")
    common = Operation(
        Kind.TABLE_OPTION,
        table=reader.relation(),
        if_exists=bool(words) and words[-1] == "if exists=table",
        line=line,
    )
    words += waiting(reader)
    found = list(_actions(reader, common, words))
    if not found:
        found.append(common)
    # A table gets its new name only after all that is done to it under the old one.
    found.sort(key=lambda o: o.kind is Kind.RENAME_TABLE)
    return tuple(replace(o, options=(*o.options, *words)) for o in found)


def _before(reader: Reader) -> list[str]:
    words = []
    while word := reader.accept_any("ONLINE", "OFFLINE", "IGNORE"):
        words.append(word.lower())
    reader.expect("TABLE")
    return words


def waiting(reader: Reader) -> list[str]:
    """MariaDB: how long to wait for the lock."""
    if reader.accept("NOWAIT"):
        return ["nowait"]
    return [f"wait={parts.number(reader)}"] if reader.accept("WAIT") else []


def _actions(reader: Reader, common: Operation, words: list[str]) -> Iterator[Operation]:
    while reader:
        if setting := how(reader):
            words.append(setting)
        else:
            common = replace(common, line=reader.line())
            yield from _action(reader, common)
        if not reader.accept(",") and reader and not _may_follow(reader):
            raise UnreadError(f"{reader.next().text} is not expected")


def how(reader: Reader) -> str:
    """ALGORITHM [=] x or LOCK [=] x as an option; "" where neither comes next."""
    word = reader.accept_any("ALGORITHM", "LOCK")
    if not word:
        return ""
    reader.accept("=")
    return f"{word.lower()}={reader.name().lower()}"


def _may_follow(reader: Reader) -> bool:
    """Options of a table need no commas, and partitions come without one."""
    at = reader.at
    found = parts.table_option(reader) is not None
    reader.at = at
    return found or reader.ahead("PARTITION", "BY") or reader.ahead("REMOVE", "PARTITIONING")


def _action(reader: Reader, common: Operation) -> Actions:
    option = None if reader.peek() == "ORDER" else parts.table_option(reader)
    if option is not None:
        return (replace(common, name=option[0], value=option[1]),)
    read = _ACTIONS.get(reader.peek())
    if read is None:
        raise UnreadError(f"{reader.next().text} is no known action of ALTER TABLE")
    return read(reader, common)


# -- ADD ------------------------------------------------------------------------------------------


def _add(reader: Reader, common: Operation) -> Actions:
    reader.expect("ADD")
    if reader.peek() == "PARTITION" and reader.peek(1) != "BY":
        return partitions.add(reader, common)
    if reader.accept("SYSTEM", "VERSIONING"):
        return (replace(common, name="system versioning", value="add"),)
    explicit = reader.accept("COLUMN")
    lenient = reader.if_not_exists()
    if reader.accept("("):
        return _added_list(reader, replace(common, if_not_exists=lenient))
    draft = columns.Draft(common.table)
    if explicit or lenient:
        columns.column(reader, draft)
    else:
        columns.element(reader, draft)
    common = replace(common, if_not_exists=lenient or draft.lenient)
    return _added(draft, common, _position(reader))


def _added_list(reader: Reader, common: Operation) -> Actions:
    found: list[Operation] = []
    while True:
        draft = columns.Draft(common.table)
        columns.element(reader, draft)
        found += _added(draft, common, ())
        if not reader.accept(","):
            break
    reader.expect(")")
    return tuple(found)


def _position(reader: Reader) -> tuple[str, ...]:
    if reader.accept("FIRST"):
        return ("first",)
    return (f"after={reader.name()}",) if reader.accept("AFTER") else ()


def _added(draft: columns.Draft, common: Operation, position: tuple[str, ...]) -> Actions:
    """What one item of ADD adds: a column, an index, a constraint."""
    made = draft.made(complete=False)
    common = replace(common, options=(*position, *draft.extras))
    if draft.columns:
        return (
            replace(common, kind=Kind.ADD_COLUMN, column=draft.columns[0].name, definition=made),
        )
    if draft.indexes:
        return tuple(_index(common, *one) for one in draft.indexes)
    if not (made.uniques or made.foreign_keys or made.checks or made.primary_key):
        return (replace(common, name="period", value="add"),)
    named = [c.name for c in made.uniques] + [c.name for c in made.foreign_keys]
    named += [c.name for c in made.checks]
    keyed = [c.columns for c in made.uniques] + [c.columns for c in made.foreign_keys]
    return (
        replace(
            common,
            kind=Kind.ADD_CONSTRAINT,
            name=named[0] if named else made.key_name,
            columns=keyed[0] if keyed else made.primary_key,
            definition=made,
        ),
    )


def _index(common: Operation, index: Index, options: tuple[str, ...], lenient: bool) -> Operation:
    return replace(
        common,
        kind=Kind.CREATE_INDEX,
        name=index.name,
        definition=index,
        if_not_exists=lenient,
        options=(*common.options, *options),
    )


# -- MODIFY, CHANGE, ALTER ------------------------------------------------------------------------


def _modify(reader: Reader, common: Operation) -> Actions:
    reader.expect("MODIFY")
    reader.accept("COLUMN")
    return (_whole(reader, _lenient(reader, common)),)


def _lenient(reader: Reader, common: Operation) -> Operation:
    return replace(common, if_exists=reader.if_exists() or common.if_exists)


def _whole(reader: Reader, common: Operation) -> Operation:
    """A column declared anew: what is not said again is lost."""
    draft = columns.Draft(common.table)
    columns.column(reader, draft)
    return replace(
        common,
        kind=Kind.ALTER_COLUMN,
        column=draft.columns[0].name,
        definition=draft.made(complete=False),
        options=("whole", *_position(reader), *draft.extras),
    )


def _change(reader: Reader, common: Operation) -> Actions:
    reader.expect("CHANGE")
    reader.accept("COLUMN")
    common = _lenient(reader, common)
    old = reader.name()
    changed = _whole(reader, common)
    if changed.column == old:
        return (changed,)
    renamed = replace(common, kind=Kind.RENAME_COLUMN, column=old, new_name=changed.column)
    return renamed, changed


def _alter(reader: Reader, common: Operation) -> Actions:
    reader.expect("ALTER")
    word = reader.accept_any("INDEX", "KEY", "CHECK", "CONSTRAINT")
    if not word:
        reader.accept("COLUMN")
        return (_alter_default(reader, _lenient(reader, common)),)
    common = replace(_lenient(reader, common), name=reader.name())
    if word in {"INDEX", "KEY"}:
        option = reader.words(("VISIBLE",), ("INVISIBLE",), ("NOT", "IGNORED"), ("IGNORED",))
        common = replace(common, kind=Kind.ALTER_INDEX)
    else:
        option = reader.words(("ENFORCED",), ("NOT", "ENFORCED"))
        common = replace(common, kind=Kind.ALTER_CONSTRAINT)
    if not option:
        raise UnreadError(f"what to make of {word} expected")
    return (replace(common, value=option.lower(), options=(option.lower(),)),)


def _alter_default(reader: Reader, common: Operation) -> Operation:
    name = reader.name()
    value = reader.words(
        ("SET", "DEFAULT"), ("DROP", "DEFAULT"), ("SET", "VISIBLE"), ("SET", "INVISIBLE")
    )
    if not value:
        raise UnreadError("SET DEFAULT or DROP DEFAULT expected")
    given = columns.default(reader) if value == "SET DEFAULT" else None
    return replace(
        common,
        kind=Kind.ALTER_COLUMN,
        column=name,
        definition=Table(common.table, (Column(name, default=given),), complete=False),
        value=value.lower(),
    )


# -- DROP and RENAME ------------------------------------------------------------------------------


def _drop(reader: Reader, common: Operation) -> Actions:
    reader.expect("DROP")
    if reader.accept("PRIMARY", "KEY"):
        return (
            replace(common, kind=Kind.DROP_CONSTRAINT, name="PRIMARY", options=("primary key",)),
        )
    what = reader.words(*_DROPPED)
    common = _lenient(reader, common)
    if what == "PARTITION":
        return (replace(common, name="drop partition", value=partitions.listed(reader)),)
    if what in {"SYSTEM VERSIONING", "PERIOD FOR"}:
        reader.until(",")
        return (replace(common, name=what.lower(), value="drop"),)
    name = reader.name()
    if what in {"INDEX", "KEY"}:
        return (replace(common, kind=Kind.DROP_INDEX, name=name),)
    if what in {"", "COLUMN"}:
        word = reader.accept_any("RESTRICT", "CASCADE").lower()
        words = (word,) if word else ()
        return (replace(common, kind=Kind.DROP_COLUMN, column=name, options=words),)
    words = () if what == "CONSTRAINT" else (what.lower(),)
    return (replace(common, kind=Kind.DROP_CONSTRAINT, name=name, options=words),)


_DROPPED = (
    ("INDEX",), ("KEY",), ("FOREIGN", "KEY"), ("CONSTRAINT",), ("CHECK",), ("COLUMN",),
    ("PARTITION",), ("SYSTEM", "VERSIONING"), ("PERIOD", "FOR"),
)  # fmt: skip


def _rename(reader: Reader, common: Operation) -> Actions:
    reader.expect("RENAME")
    if reader.accept("COLUMN"):
        common = _lenient(reader, common)
        old = reader.name()
        reader.expect("TO")
        return (replace(common, kind=Kind.RENAME_COLUMN, column=old, new_name=reader.name()),)
    if reader.accept_any("INDEX", "KEY"):
        common = _lenient(reader, common)
        old = reader.name()
        reader.expect("TO")
        return (replace(common, kind=Kind.RENAME_INDEX, name=old, new_name=reader.name()),)
    if not reader.accept_any("TO", "AS"):
        reader.accept("=")
    return (replace(common, kind=Kind.RENAME_TABLE, new_name=reader.relation()),)


# -- what concerns the whole table ----------------------------------------------------------------


def _convert(reader: Reader, common: Operation) -> Actions:
    reader.expect("CONVERT", "TO")
    if not reader.words(("CHARACTER", "SET"), ("CHARSET",)):
        raise UnreadError("CHARACTER SET expected")
    reader.accept("=")
    charset = parts.value(reader).lower()
    collation: tuple[str, ...] = ()
    if reader.accept("COLLATE"):
        reader.accept("=")
        collation = (f"collate={parts.value(reader).lower()}",)
    common = replace(common, name="convert to character set", value=charset)
    return (replace(common, options=collation),)


def _order(reader: Reader, common: Operation) -> Actions:
    reader.expect("ORDER", "BY")
    # Commas separate the columns here; an action that follows begins with a word of its own.
    start = reader.at
    while reader:
        reader.relation()
        reader.accept_any("ASC", "DESC")
        if reader.peek() != "," or reader.peek(1) in _ACTIONS or _is_option(reader):
            break
        reader.next()
    return (replace(common, name="order by", value=reader.source(parts.since(reader, start))),)


def _is_option(reader: Reader) -> bool:
    word = reader.at + 1 < len(reader.tokens) and reader.tokens[reader.at + 1].kind == WORD
    return bool(word) and reader.peek(2) == "="


def _force(reader: Reader, common: Operation) -> Actions:
    reader.expect("FORCE")
    return (replace(common, name="force"),)


def _keys(reader: Reader, common: Operation) -> Actions:
    word = reader.next().upper.lower()
    reader.expect("KEYS")
    return (replace(common, name="keys", value=word),)


def _validation(reader: Reader, common: Operation) -> Actions:
    word = reader.next().upper.lower()
    reader.expect("VALIDATION")
    return (replace(common, name="validation", value=word),)


def _tablespace(reader: Reader, common: Operation) -> Actions:
    word = reader.next().upper.lower()
    if reader.accept("PARTITION"):
        word = f"{word} {partitions.listed(reader)}"
    reader.expect("TABLESPACE")
    return (replace(common, name="tablespace", value=word),)


_ACTIONS: dict[str, Action] = {
    "ADD": _add,
    "MODIFY": _modify,
    "CHANGE": _change,
    "ALTER": _alter,
    "DROP": _drop,
    "RENAME": _rename,
    "CONVERT": _convert,
    "ORDER": _order,
    "FORCE": _force,
    "DISABLE": _keys,
    "ENABLE": _keys,
    "WITH": _validation,
    "WITHOUT": _validation,
    "DISCARD": _tablespace,
    "IMPORT": _tablespace,
    "PARTITION": partitions.repartition,
    "REMOVE": partitions.remove,
    "COALESCE": partitions.within,
    "TRUNCATE": partitions.within,
    "ANALYZE": partitions.within,
    "CHECK": partitions.within,
    "OPTIMIZE": partitions.within,
    "REBUILD": partitions.within,
    "REPAIR": partitions.within,
    "REORGANIZE": partitions.reorganize,
    "EXCHANGE": partitions.exchange,
}
