"""Columns and constraints of PostgreSQL's tables (manual, CREATE TABLE)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from migsafe.model.schema import Check, Column, ForeignKey, Table, Unique
from migsafe.sql.create import Draft
from migsafe.sql.reader import Reader, UnreadError, normalised
from migsafe.sql.tokens import QUOTED, WORD, Token, joined

_CLAUSES = {"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "EXCLUDE", "LIKE"}
_AFTER_DEFAULT = {
    "CONSTRAINT", "NOT", "NULL", "UNIQUE", "PRIMARY", "CHECK", "REFERENCES", "GENERATED",
    "COLLATE", "DEFERRABLE", "INITIALLY", "STORAGE", "COMPRESSION", "DEFAULT", ",", ")",
}  # fmt: skip
_INTERVAL = ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")
SERIALS = {"serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"}
"""The notations for an integer column with a sequence of its own (manual, 8.1.4)."""


def table_body(reader: Reader, name: str) -> Table:
    """The bracketed columns and constraints of CREATE TABLE."""
    draft = Draft()
    inherited: list[str] = []
    reader.expect("(")
    if not reader.accept(")"):
        _element(reader, draft, inherited)
        while reader.accept(","):
            _element(reader, draft, inherited)
        reader.expect(")")
    return _table(draft, name, complete=not inherited)


def _table(draft: Draft, name: str, *, complete: bool) -> Table:
    return Table(
        name,
        draft.keyed(),
        tuple(draft.uniques),
        tuple(draft.foreign_keys),
        tuple(draft.checks),
        complete=complete,
        key_name=draft.key_name,
    )


def _element(reader: Reader, draft: Draft, likes: list[str]) -> None:
    if reader.accept("LIKE"):
        likes.append(reader.relation())
        while reader.accept_any("INCLUDING", "EXCLUDING"):
            reader.next()
        return
    if reader.peek() in _CLAUSES:
        _table_constraint(reader, draft)
        return
    column(reader, draft)


def added_column(reader: Reader, table: str) -> Table:
    """One column definition with its constraints as a table of one column."""
    draft = Draft()
    column(reader, draft)
    return _table(draft, table, complete=False)


def added_constraint(reader: Reader, table: str) -> tuple[Table, str, tuple[str, ...]]:
    """A table constraint as a table of that constraint alone, its name, and what it says beside.

    The last are options of the operation: not valid, deferrable, `using index=<name>`.
    """
    draft = Draft()
    name = reader.name() if reader.accept("CONSTRAINT") else ""
    draft.constraint = name
    options = _table_constraint(reader, draft)
    keys = tuple(Column(c, primary_key=at) for at, c in enumerate(draft.primary_key, 1))
    named = keys or tuple(draft.columns)  # NOT NULL names a column without declaring it
    return replace(_table(draft, table, complete=False), columns=named), name, options


def column(reader: Reader, draft: Draft) -> None:
    """One column definition with its constraints, added to the draft."""
    name = reader.name()
    # A partition names the columns of its parent again without a type.
    typed = reader and reader.peek() not in {",", ")"} and not reader.accept("WITH", "OPTIONS")
    declared = type_name(reader) if typed and reader.peek() not in _COLUMN_READERS else ""
    identity = "serial" if declared.lower() in SERIALS else ""
    draft.columns.append(Column(name, declared, bool(identity), identity=identity))
    while reader and reader.peek() not in {",", ")"}:
        read = _COLUMN_READERS.get(reader.peek())
        if read is None:
            raise UnreadError(f"{reader.next().text} is not expected in a column")
        reader.at += 1
        read(reader, draft, name)
    draft.constraint = ""


# -- types ----------------------------------------------------------------------------------------


def type_name(reader: Reader) -> str:
    """A type as written, with one space for each gap."""
    start = reader.at
    first = reader.next()
    if first.kind not in {WORD, QUOTED}:
        raise UnreadError(f"a type expected, {first.text} found")
    _rest_of_type(reader, first.upper)
    return spaced(reader.tokens[start : reader.at])


def _rest_of_type(reader: Reader, first: str) -> None:
    for words in _FURTHER.get(first, ()):
        reader.accept_any(*words)
    if first == "INTERVAL" and reader.accept_any(*_INTERVAL) and reader.accept("TO"):
        reader.next()
    while reader.accept("."):
        reader.next()
    if reader.peek() == "(":
        reader.group()
    if first in {"TIME", "TIMESTAMP"}:
        reader.words(("WITH", "TIME", "ZONE"), ("WITHOUT", "TIME", "ZONE"))
    _dimensions(reader)


_FURTHER = {
    "DOUBLE": (("PRECISION",),),
    "NATIONAL": (("CHARACTER", "CHAR"), ("VARYING",)),
    "CHARACTER": (("VARYING",),),
    "CHAR": (("VARYING",),),
    "NCHAR": (("VARYING",),),
    "BIT": (("VARYING",),),
}
"""The words that may follow the first one of a type of several words."""


def _dimensions(reader: Reader) -> None:
    reader.accept("ARRAY")
    while reader.accept("["):
        while not reader.accept("]"):
            reader.next()
    if reader.accept("%"):
        reader.expect("TYPE")


def spaced(tokens: Sequence[Token]) -> str:
    """The tokens' texts, with one space where anything stood between two of them."""
    text, end = "", tokens[0].start if tokens else 0
    for token in tokens:
        text += " " * (token.start > end) + token.text
        end = token.end
    return text


# -- constraints of a column ----------------------------------------------------------------------


def _constraint_name(reader: Reader, draft: Draft, _: str) -> None:
    draft.constraint = reader.name()


def _not_null(reader: Reader, draft: Draft, _: str) -> None:
    if reader.accept("DEFERRABLE") or reader.accept("ENFORCED"):
        return
    reader.expect("NULL")
    reader.accept("NO", "INHERIT")
    draft.alter(not_null=True)
    draft.named()


def _null(_: Reader, draft: Draft, __: str) -> None:
    draft.named()


def _check(reader: Reader, draft: Draft, _: str) -> None:
    draft.checks.append(Check(normalised(reader.group()), draft.named()))
    reader.accept("NO", "INHERIT")


def _default(reader: Reader, draft: Draft, _: str) -> None:
    draft.alter(default=expression(reader))
    draft.named()


def expression(reader: Reader) -> str:
    """The expression after DEFAULT: up to a word that starts another constraint."""
    start, cases = reader.at, 0
    while reader:
        word = reader.peek()
        if reader.at > start and not cases and word in _AFTER_DEFAULT:
            break
        if word == "(":
            reader.group()
            continue
        cases += (word == "CASE") - (word == "END")
        reader.at += 1
    if reader.at == start:
        raise UnreadError("a value expected after DEFAULT")
    return reader.source(reader.tokens[start : reader.at])


def _generated(reader: Reader, draft: Draft, _: str) -> None:
    always = reader.accept("ALWAYS")
    if not always:
        reader.expect("BY", "DEFAULT")
    reader.expect("AS")
    if reader.accept("IDENTITY"):
        draft.alter(identity="always" if always else "by default", not_null=True)
        if reader.peek() == "(":
            reader.group()
    else:
        computed = normalised(reader.group())
        stored = reader.accept_any("STORED", "VIRTUAL") == "STORED"
        draft.alter(generated=computed, stored=stored)
    draft.named()


def _unique(reader: Reader, draft: Draft, name: str) -> None:
    distinct = _nulls_distinct(reader)
    _index_parameters(reader)
    draft.uniques.append(Unique((name,), draft.named(), nulls_distinct=distinct))


def _primary_key(reader: Reader, draft: Draft, name: str) -> None:
    reader.expect("KEY")
    _index_parameters(reader)
    draft.primary_key = (name,)
    draft.key_name = draft.named()
    draft.alter(not_null=True)


def _references(reader: Reader, draft: Draft, name: str) -> None:
    draft.foreign_keys.append(_foreign_key(reader, (name,), draft.named()))


def _deferrable(_: Reader, draft: Draft, __: str) -> None:
    if draft.foreign_keys:
        draft.foreign_keys[-1] = replace(draft.foreign_keys[-1], deferrable=True)


def _initially(reader: Reader, draft: Draft, _: str) -> None:
    late = reader.accept_any("DEFERRED", "IMMEDIATE") == "DEFERRED"
    if draft.foreign_keys and late:
        draft.foreign_keys[-1] = replace(draft.foreign_keys[-1], deferred=True, deferrable=True)


def _collate(reader: Reader, draft: Draft, _: str) -> None:
    draft.alter(collation=reader.relation())


def _skipped_word(reader: Reader, _: Draft, __: str) -> None:
    reader.next()


_COLUMN_READERS: dict[str, Callable[[Reader, Draft, str], None]] = {
    "CONSTRAINT": _constraint_name,
    "NOT": _not_null,
    "NULL": _null,
    "CHECK": _check,
    "DEFAULT": _default,
    "GENERATED": _generated,
    "UNIQUE": _unique,
    "PRIMARY": _primary_key,
    "REFERENCES": _references,
    "DEFERRABLE": _deferrable,
    "INITIALLY": _initially,
    "COLLATE": _collate,
    "STORAGE": _skipped_word,
    "COMPRESSION": _skipped_word,
}


def _nulls_distinct(reader: Reader) -> bool:
    if reader.accept("NULLS", "NOT", "DISTINCT"):
        return False
    reader.accept("NULLS", "DISTINCT")
    return True


def _index_parameters(reader: Reader) -> None:
    if reader.accept("INCLUDE"):
        reader.group()
    if reader.accept("WITH"):
        reader.group()
    if reader.accept("USING", "INDEX", "TABLESPACE"):
        reader.name()


# -- constraints of a table -----------------------------------------------------------------------


def _table_constraint(reader: Reader, draft: Draft) -> tuple[str, ...]:
    if reader.accept("CONSTRAINT"):
        draft.constraint = reader.name()
    kind = reader.next().upper
    read = _TABLE_READERS.get(kind)
    if read is None:
        raise UnreadError(f"{kind or 'this'} does not start a constraint")
    options = read(reader, draft)
    return options + _attributes(reader, draft, kind)


def _table_check(reader: Reader, draft: Draft) -> tuple[str, ...]:
    _check(reader, draft, "")
    return ()


def _table_unique(reader: Reader, draft: Draft) -> tuple[str, ...]:
    if reader.accept("USING", "INDEX"):
        return (f"using index={reader.name()}",)
    distinct = _nulls_distinct(reader)
    columns = reader.names()
    _index_parameters(reader)
    draft.uniques.append(Unique(columns, draft.named(), nulls_distinct=distinct))
    return ()


def _table_key(reader: Reader, draft: Draft) -> tuple[str, ...]:
    reader.expect("KEY")
    draft.key_name = draft.named()
    if reader.accept("USING", "INDEX"):
        return ("primary key", f"using index={reader.name()}")
    draft.primary_key = reader.names()
    _index_parameters(reader)
    return ("primary key",)


def _exclude(reader: Reader, draft: Draft) -> tuple[str, ...]:
    start = reader.at
    if reader.accept("USING"):
        reader.name()
    terms = reader.terms()
    names = tuple(t[0].name for t in terms if t and t[0].kind in {WORD, QUOTED})
    _index_parameters(reader)
    if reader.accept("WHERE"):
        reader.group()
    text = joined(reader.tokens[start : reader.at])
    draft.uniques.append(Unique(names, draft.named(), exclusion=text))
    return ("exclude",)


def _table_foreign_key(reader: Reader, draft: Draft) -> tuple[str, ...]:
    reader.expect("KEY")
    columns = reader.names()
    reader.expect("REFERENCES")
    draft.foreign_keys.append(_foreign_key(reader, columns, draft.named()))
    return ()


def _table_not_null(reader: Reader, draft: Draft) -> tuple[str, ...]:
    reader.expect("NULL")
    draft.columns.append(Column(reader.name(), not_null=True))
    reader.accept("NO", "INHERIT")
    return ("set not null",)


_TABLE_READERS: dict[str, Callable[[Reader, Draft], tuple[str, ...]]] = {
    "CHECK": _table_check,
    "UNIQUE": _table_unique,
    "PRIMARY": _table_key,
    "EXCLUDE": _exclude,
    "FOREIGN": _table_foreign_key,
    "NOT": _table_not_null,
}


def _attributes(reader: Reader, draft: Draft, kind: str) -> tuple[str, ...]:
    """What follows a constraint: NOT VALID, DEFERRABLE, NOT ENFORCED and the like."""
    options: list[str] = []
    while phrase := reader.words(*_ATTRIBUTES):
        options.append(phrase.lower())
    if kind == "FOREIGN" and draft.foreign_keys:
        draft.foreign_keys[-1] = replace(
            draft.foreign_keys[-1],
            valid="not valid" not in options,
            deferrable="deferrable" in options or "initially deferred" in options,
            deferred="initially deferred" in options,
        )
    if kind == "CHECK" and draft.checks:
        draft.checks[-1] = replace(
            draft.checks[-1],
            valid="not valid" not in options,
            enforced="not enforced" not in options,
        )
    return tuple(options)


_ATTRIBUTES = (
    ("NOT", "VALID"),
    ("NOT", "DEFERRABLE"),
    ("DEFERRABLE",),
    ("INITIALLY", "DEFERRED"),
    ("INITIALLY", "IMMEDIATE"),
    ("NOT", "ENFORCED"),
    ("ENFORCED",),
    ("NO", "INHERIT"),
)
_ACTIONS = (("SET", "NULL"), ("SET", "DEFAULT"), ("CASCADE",), ("RESTRICT",), ("NO", "ACTION"))


def _foreign_key(reader: Reader, columns: tuple[str, ...], name: str) -> ForeignKey:
    parent = reader.relation()
    ref_columns = reader.names() if reader.peek() == "(" else ()
    if reader.accept("MATCH"):
        reader.next()
    actions = {"DELETE": "NO ACTION", "UPDATE": "NO ACTION"}
    while reader.accept("ON"):
        event = reader.accept_any("DELETE", "UPDATE")
        action = reader.words(*_ACTIONS)
        if not event or not action:
            raise UnreadError("an action ON DELETE or ON UPDATE expected")
        if action.startswith("SET ") and reader.peek() == "(":
            reader.group()
        actions[event] = action
    return ForeignKey(columns, parent, ref_columns, actions["DELETE"], actions["UPDATE"], name=name)
