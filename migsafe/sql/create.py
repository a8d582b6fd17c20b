"""Read the definitions of tables and columns (SQLite: lang_createtable.html)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from migsafe.model.schema import Check, Column, ForeignKey, Table, Unique, fold_name
from migsafe.sql.reader import Reader, UnreadError, normalised
from migsafe.sql.tokens import BLOB, NAMES, NUMBER, RESERVED, STRING, WORD, Token

_TABLE_CLAUSES = {"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"}
_LITERALS = {NUMBER, STRING, BLOB}


@dataclass(slots=True)
class Draft:
    """A table while it is being read."""

    columns: list[Column] = field(default_factory=list)
    uniques: list[Unique] = field(default_factory=list)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    primary_key: tuple[str, ...] = ()
    autoincrement: bool = False
    constraint: str = ""  # the name given by CONSTRAINT, until it is used
    key_name: str = ""  # the name of the primary key's constraint

    def alter(self, **changes: Any) -> None:
        """Change the column that is being read."""
        self.columns[-1] = replace(self.columns[-1], **changes)

    def named(self) -> str:
        """The name that CONSTRAINT gave, once."""
        name, self.constraint = self.constraint, ""
        return name

    def keyed(self) -> tuple[Column, ...]:
        """The columns with their positions in the primary key."""
        order = {fold_name(name): at for at, name in enumerate(self.primary_key, 1)}
        return tuple(replace(c, primary_key=order.get(fold_name(c.name), 0)) for c in self.columns)


def table(reader: Reader, name: str, temporary: bool) -> Table:
    """The rest of CREATE TABLE, from the opening bracket on."""
    draft = _body(reader)
    without_rowid, strict = _options(reader)
    return Table(
        name,
        draft.keyed(),
        tuple(draft.uniques),
        tuple(draft.foreign_keys),
        tuple(draft.checks),
        draft.autoincrement,
        without_rowid,
        strict,
        temporary=temporary,
    )


def _body(reader: Reader) -> Draft:
    draft = Draft()
    reader.expect("(")
    while True:
        if reader.peek() in _TABLE_CLAUSES and draft.columns:
            _table_constraints(reader, draft)
        else:
            column(reader, draft)
        if not reader.accept(","):
            break
    reader.expect(")")
    return draft


def _options(reader: Reader) -> tuple[bool, bool]:
    without_rowid = strict = False
    while reader:
        if reader.accept("WITHOUT", "ROWID"):
            without_rowid = True
        elif reader.accept("STRICT"):
            strict = True
        else:
            break
        if not reader.accept(","):
            break
    return without_rowid, strict


def added_column(reader: Reader, table_name: str) -> Table:
    """The column definition of ALTER TABLE .. ADD COLUMN as a table of one column."""
    draft = Draft()
    column(reader, draft)
    return Table(
        table_name,
        draft.keyed(),
        tuple(draft.uniques),
        tuple(draft.foreign_keys),
        tuple(draft.checks),
        draft.autoincrement,
        complete=False,
    )


def column(reader: Reader, draft: Draft) -> None:
    """One column definition with its constraints, added to the draft."""
    name = reader.name()
    draft.columns.append(Column(name, type=_type(reader)))
    while reader and reader.peek() not in {",", ")"}:
        _column_constraint(reader, draft, name)
    draft.constraint = ""


def _type(reader: Reader) -> str:
    start = reader.at
    while reader and _in_type(reader):
        reader.at += 1
    if reader.at > start and reader.peek() == "(":
        reader.group()
    if reader.at > start and reader.tokens[start].kind != WORD:
        return reader.tokens[start].name  # SQLite takes what stands in the quotes, and no more
    return _words(reader, reader.tokens[start : reader.at])


def _in_type(reader: Reader) -> bool:
    token = reader.tokens[reader.at]
    if reader.ahead("GENERATED", "ALWAYS"):
        return False
    return token.kind in NAMES and token.upper not in RESERVED


def _words(reader: Reader, tokens: Sequence[Token]) -> str:
    """The source of these tokens, with one space for each gap, whatever stood in it."""
    text = ""
    end = tokens[0].start if tokens else 0
    for token in tokens:
        text += " " * (token.start > end) + token.text
        end = token.end
    return text


def _column_constraint(reader: Reader, draft: Draft, name: str) -> None:
    word = reader.peek()
    read = _COLUMN_READERS.get(word)
    if read is None:
        raise UnreadError(f"{reader.next().text} is not expected in a column")
    reader.at += 1
    read(reader, draft, name)


def _constraint_name(reader: Reader, draft: Draft, _: str) -> None:
    draft.constraint = reader.name()


def _primary_key(reader: Reader, draft: Draft, name: str) -> None:
    reader.expect("KEY")
    reader.accept_any("ASC", "DESC")
    _conflict(reader)
    draft.autoincrement = reader.accept("AUTOINCREMENT") or draft.autoincrement
    draft.primary_key = (name,)
    draft.named()


def _not_null(reader: Reader, draft: Draft, name: str) -> None:
    if reader.peek() == "DEFERRABLE":
        _defer(reader, draft, name)
        return
    reader.expect("NULL")
    _conflict(reader)
    draft.alter(not_null=True)
    draft.named()


def _null(reader: Reader, draft: Draft, _: str) -> None:
    _conflict(reader)
    draft.named()


def _unique(reader: Reader, draft: Draft, name: str) -> None:
    _conflict(reader)
    draft.uniques.append(Unique((name,), draft.named()))


def _check(reader: Reader, draft: Draft, _: str) -> None:
    draft.checks.append(Check(normalised(reader.group()), draft.named()))
    _conflict(reader)


def _default(reader: Reader, draft: Draft, _: str) -> None:
    start = reader.at
    if reader.peek() == "(":
        reader.group()
    else:
        _term(reader, signed=bool(reader.accept_any("+", "-")))
    draft.alter(default=reader.source(reader.tokens[start : reader.at]))
    draft.named()


def _term(reader: Reader, *, signed: bool) -> None:
    """One value: a literal, CURRENT_TIMESTAMP and the like, or (unsigned) a name."""
    token = reader.next()
    reserved = token.upper in RESERVED and token.upper != "NULL"
    if token.kind not in _LITERALS and (reserved or token.kind not in NAMES):
        raise UnreadError(f"a value expected after DEFAULT, {token.text} found")
    if signed and token.kind not in _LITERALS | {WORD}:
        raise UnreadError(f"a number expected after DEFAULT, {token.text} found")


def _collate(reader: Reader, draft: Draft, _: str) -> None:
    name = reader.name().upper()
    draft.alter(collation="" if name == "BINARY" else name)


def _references(reader: Reader, draft: Draft, name: str) -> None:
    draft.foreign_keys.append(_foreign_key(reader, (name,), draft.named()))


def _defer(reader: Reader, draft: Draft, _: str) -> None:
    """[NOT] DEFERRABLE apart from its REFERENCES: about the table's latest foreign key."""
    reader.at -= 1
    deferred = _deferred(reader)
    if draft.foreign_keys:
        draft.foreign_keys[-1] = replace(draft.foreign_keys[-1], deferred=deferred)


def _generated(reader: Reader, draft: Draft, name: str) -> None:
    reader.expect("ALWAYS")
    reader.expect("AS")
    _generated_as(reader, draft, name)


def _generated_as(reader: Reader, draft: Draft, _: str) -> None:
    expression = normalised(reader.group())
    stored = reader.accept_any("STORED", "VIRTUAL") == "STORED"
    draft.alter(generated=expression, stored=stored)
    draft.named()


_COLUMN_READERS: dict[str, Callable[[Reader, Draft, str], None]] = {
    "CONSTRAINT": _constraint_name,
    "PRIMARY": _primary_key,
    "NOT": _not_null,
    "NULL": _null,
    "UNIQUE": _unique,
    "CHECK": _check,
    "DEFAULT": _default,
    "COLLATE": _collate,
    "REFERENCES": _references,
    "DEFERRABLE": _defer,
    "GENERATED": _generated,
    "AS": _generated_as,
}


_CONFLICTS = ("ROLLBACK", "ABORT", "FAIL", "IGNORE", "REPLACE")


def _conflict(reader: Reader) -> None:
    if reader.accept("ON", "CONFLICT") and not reader.accept_any(*_CONFLICTS):
        raise UnreadError("what to do ON CONFLICT expected")


def _table_constraints(reader: Reader, draft: Draft) -> None:
    # SQLite lets table constraints follow each other without commas.
    while reader.peek() in _TABLE_CLAUSES:
        read = _TABLE_READERS[reader.next().upper]
        read(reader, draft, "")
    if reader.peek() in {",", ")"}:
        draft.named()


def _table_primary_key(reader: Reader, draft: Draft, _: str) -> None:
    reader.expect("KEY")
    terms = _key_terms(reader)
    draft.primary_key = tuple(_key_column(t) for t in terms)
    draft.autoincrement = draft.autoincrement or terms[-1][-1].upper == "AUTOINCREMENT"
    _conflict(reader)
    draft.named()


def _table_unique(reader: Reader, draft: Draft, _: str) -> None:
    columns = tuple(_key_column(t) for t in _key_terms(reader))
    _conflict(reader)
    draft.uniques.append(Unique(columns, draft.named()))


def _table_foreign_key(reader: Reader, draft: Draft, _: str) -> None:
    reader.expect("KEY")
    columns = reader.names()
    reader.expect("REFERENCES")
    draft.foreign_keys.append(_foreign_key(reader, columns, draft.named()))


_TABLE_READERS: dict[str, Callable[[Reader, Draft, str], None]] = {
    "CONSTRAINT": _constraint_name,
    "PRIMARY": _table_primary_key,
    "UNIQUE": _table_unique,
    "CHECK": _check,
    "FOREIGN": _table_foreign_key,
}


def _key_terms(reader: Reader) -> list[Sequence[Token]]:
    terms = reader.terms()
    if not terms or not all(terms):
        raise UnreadError("a column of a key expected")
    return terms


def _key_column(term: Sequence[Token]) -> str:
    """The column of one term of a key; what follows it (COLLATE, DESC) the schema leaves out."""
    bare = [t for t in term if t.text not in {"(", ")"}]
    if not bare or bare[0].kind not in NAMES or bare[0].upper in RESERVED:
        raise UnreadError("a column of a key expected")
    return bare[0].name


def _foreign_key(reader: Reader, columns: tuple[str, ...], name: str) -> ForeignKey:
    parent = reader.name()
    ref_columns = reader.names() if reader.peek() == "(" else ()
    actions = {"DELETE": "NO ACTION", "UPDATE": "NO ACTION"}
    while reader.peek() in {"ON", "MATCH"}:
        if reader.accept("MATCH"):
            reader.name()
            continue
        reader.expect("ON")
        event = reader.accept_any("DELETE", "UPDATE", "INSERT")  # ON INSERT: read, without effect
        action = reader.words(*_ACTIONS)
        if not event or not action:
            raise UnreadError("an action ON DELETE or ON UPDATE expected")
        actions[event] = action
    deferred = _deferred(reader)
    return ForeignKey(
        columns, parent, ref_columns, actions["DELETE"], actions["UPDATE"], deferred, name
    )


_ACTIONS = (("SET", "NULL"), ("SET", "DEFAULT"), ("CASCADE",), ("RESTRICT",), ("NO", "ACTION"))


def _deferred(reader: Reader) -> bool:
    if reader.ahead("NOT", "DEFERRABLE"):
        reader.at += 2
        enforced_late = False
    elif reader.accept("DEFERRABLE"):
        enforced_late = True
    else:
        return False
    timing = reader.accept_any("DEFERRED", "IMMEDIATE") if reader.accept("INITIALLY") else ""
    return enforced_late and timing == "DEFERRED"
