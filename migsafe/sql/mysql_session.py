"""Read what is about the session: settings, transactions, locks, rights, prepared text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from migsafe.model.migration import Kind, Operation
from migsafe.sql import mysql_parts as parts
from migsafe.sql.reader import Read, Reader, UnreadError, first_outside
from migsafe.sql.tokens import MARK, PARAMETER, STRING, Token

# -- SET ------------------------------------------------------------------------------------------


def set_(reader: Reader) -> tuple[Operation, ...]:
    """SET: one operation for each setting, or for each user variable (`@name`)."""
    line = reader.line()
    reader.expect("SET")
    if reader.accept("PASSWORD"):
        reader.rest()
        return (Operation(Kind.ALTER_OTHER, value="user", line=line),)
    if reader.accept("ROLE") or reader.accept("DEFAULT", "ROLE"):
        value = reader.source(reader.rest())
        return (Operation(Kind.SET, name="role", value=value, line=line),)
    if reader.accept("RESOURCE", "GROUP"):
        value = reader.source(reader.rest())
        return (Operation(Kind.SET, name="resource group", value=value, line=line),)
    found = [_setting(reader)]
    while reader.accept(","):
        found.append(_setting(reader))
    return tuple(found)


_SCOPES = {
    "GLOBAL": "global",
    "PERSIST": "persist",
    "PERSIST_ONLY": "persist_only",
    "SESSION": "session",
    "LOCAL": "session",
}


def _setting(reader: Reader) -> Operation:
    line = reader.line()
    scope = _SCOPES.get(reader.accept_any(*_SCOPES), "session")
    common = Operation(Kind.SET, options=(scope,), line=line)
    if reader.accept("NAMES"):
        return replace(common, name="names", value=_character_set(reader))
    if reader.words(("CHARACTER", "SET"), ("CHARSET",)):
        return replace(common, name="character set", value=_character_set(reader))
    if reader.accept("TRANSACTION"):
        value = parts.joined(reader.rest()).lower()
        return replace(common, name="transaction", value=value)
    name, scope = _variable(reader, scope)
    if not reader.accept("=") and not reader.accept(":="):
        reader.expect(":", "=")
    given = reader.until(",")
    if not given:
        raise UnreadError(f"a value for {name} expected")
    value = parts.text(given[0]) if len(given) == 1 else reader.source(given)
    return replace(common, name=name, value=value, options=(scope,))


def _character_set(reader: Reader) -> str:
    value = parts.value(reader)
    if reader.accept("COLLATE"):
        value += f" collate {parts.value(reader)}"
    return value.lower()


def _variable(reader: Reader, scope: str) -> tuple[str, str]:
    """The name of a variable, lower-case, and its scope: `@@global.x`, `@x`, `x`."""
    token = reader.next()
    if token.kind == PARAMETER and token.text.startswith("@@"):
        words = token.text[2:].lower().split(".")
        named = _SCOPES.get(words[0].upper()) if len(words) > 1 else None
        return (".".join(words[1:]), named) if named else (".".join(words), scope)
    if token.kind == PARAMETER and token.text.startswith("@"):
        return token.text.lower(), "user"
    if token.kind == MARK and token.text == "@":  # @`a name`, @'a name'
        return "@" + reader.next().name.lower(), "user"
    reader.at -= 1
    return reader.relation().lower(), scope


def use(reader: Reader) -> tuple[Operation, ...]:
    """USE: the default database."""
    line = reader.line()
    reader.expect("USE")
    return (Operation(Kind.SET, name="use", value=reader.name(), line=line),)


# -- transactions ---------------------------------------------------------------------------------


def begin(reader: Reader) -> tuple[Operation, ...]:
    """BEGIN [WORK]; MariaDB's BEGIN NOT ATOMIC opens a block of program code."""
    line = reader.line()
    reader.expect("BEGIN")
    if reader.accept("NOT", "ATOMIC"):
        return block(reader, line)
    reader.accept("WORK")
    return (Operation(Kind.BEGIN, line=line),)


def block(reader: Reader, line: int | None = None) -> tuple[Operation, ...]:
    """Program code outside a routine (MariaDB): lint does not run it."""
    line = reader.line() if line is None else line
    body = reader.rest()
    if not body or body[-1].upper not in _BLOCK_ENDS:
        raise UnreadError("the end of the block expected")
    return (Operation(Kind.OPAQUE, value="block", line=line),)


_BLOCK_ENDS = {"END", "IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR"}


def start(reader: Reader) -> tuple[Operation, ...]:
    """START TRANSACTION; replication's START is upkeep."""
    line = reader.line()
    reader.expect("START")
    if not reader.accept("TRANSACTION"):
        return _upkeep(reader, line)
    words = parts.joined(reader.rest()).lower()
    return (Operation(Kind.BEGIN, options=(words,) if words else (), line=line),)


def end(reader: Reader) -> tuple[Operation, ...]:
    """COMMIT and ROLLBACK, [TO SAVEPOINT], [AND CHAIN], [RELEASE]."""
    line = reader.line()
    kind = Kind.COMMIT if reader.next().upper == "COMMIT" else Kind.ROLLBACK
    reader.accept("WORK")
    if kind is Kind.ROLLBACK and reader.accept("TO"):
        reader.accept("SAVEPOINT")
        return (Operation(kind, name=reader.name(), line=line),)
    options = []
    while word := reader.words(
        ("AND", "CHAIN"), ("AND", "NO", "CHAIN"), ("RELEASE",), ("NO", "RELEASE")
    ):
        options.append(word.lower())
    return (Operation(kind, options=tuple(options), line=line),)


def savepoint(reader: Reader) -> tuple[Operation, ...]:
    """SAVEPOINT and RELEASE SAVEPOINT."""
    line = reader.line()
    kind = Kind.SAVEPOINT if reader.next().upper == "SAVEPOINT" else Kind.RELEASE
    if kind is Kind.RELEASE:
        reader.expect("SAVEPOINT")
    return (Operation(kind, name=reader.name(), line=line),)


# -- locks ----------------------------------------------------------------------------------------


def lock(reader: Reader) -> tuple[Operation, ...]:
    """LOCK TABLES: one operation for each table, its mode an option."""
    line = reader.line()
    reader.expect("LOCK")
    if reader.accept("INSTANCE"):
        return _upkeep(reader, line)
    if not reader.accept_any("TABLES", "TABLE"):
        raise UnreadError("TABLES expected")
    return tuple(_locks(reader))


_MODES = (("READ", "LOCAL"), ("READ",), ("LOW_PRIORITY", "WRITE"), ("WRITE", "CONCURRENT"),
          ("WRITE",))  # fmt: skip


def _locks(reader: Reader) -> Iterator[Operation]:
    from migsafe.sql.mysql_alter import waiting  # noqa: PLC0415

    found = []
    while True:
        line = reader.line()
        table = reader.relation()
        alias = reader.accept("AS") or reader.peek() not in {"READ", "WRITE", "LOW_PRIORITY"}
        if alias:
            reader.name()
        mode = reader.words(*_MODES).lower()
        if not mode:
            raise UnreadError("READ or WRITE expected")
        found.append(Operation(Kind.LOCK_TABLE, table, options=(f"mode={mode}",), line=line))
        if not reader.accept(","):
            break
    words = waiting(reader)
    yield from (replace(o, options=(*o.options, *words)) for o in found)


def unlock(reader: Reader) -> tuple[Operation, ...]:
    """UNLOCK TABLES."""
    line = reader.line()
    reader.expect("UNLOCK")
    if reader.accept("INSTANCE"):
        return _upkeep(reader, line)
    if not reader.accept_any("TABLES", "TABLE"):
        raise UnreadError("TABLES expected")
    return (Operation(Kind.LOCK_TABLE, options=("unlock",), line=line),)


# -- rights ---------------------------------------------------------------------------------------


def rights(reader: Reader) -> tuple[Operation, ...]:
    """GRANT and REVOKE; the table is named where the right is about one."""
    line = reader.line()
    kind = Kind.GRANT if reader.next().upper == "GRANT" else Kind.REVOKE
    given = reader.until("ON", "TO", "FROM")
    if not given:
        raise UnreadError("a privilege or a role expected")
    table = ""
    if reader.accept("ON"):
        table = _object(reader)
    reader.expect("TO" if kind is Kind.GRANT else "FROM")
    if not reader.rest():
        raise UnreadError("an account expected")
    return (Operation(kind, table=table, value=reader.source(given), line=line),)


def _object(reader: Reader) -> str:
    """`t` or `db.t`; "" for `*.*`, `db.*` and what is no table."""
    kind = reader.accept_any("TABLE", "FUNCTION", "PROCEDURE", "PACKAGE")
    named = reader.until("TO", "FROM")
    words = [t.name for t in named if t.text != "."]
    return "" if kind not in {"", "TABLE"} or "*" in words else ".".join(words)


# -- prepared text --------------------------------------------------------------------------------


def prepare(reader: Reader) -> tuple[Operation, ...]:
    """PREPARE name FROM text: nothing happens before its EXECUTE."""
    line = reader.line()
    reader.expect("PREPARE")
    name = reader.name()
    reader.expect("FROM")
    value = reader.rest()
    if not value:
        raise UnreadError("a text expected")
    return (Operation(Kind.MAINTENANCE, name="prepare", value=name, line=line),)


def execute(reader: Reader) -> tuple[Operation, ...]:
    """EXECUTE: program code, unless it is handed its text as a literal (MariaDB)."""
    line = reader.line()
    reader.expect("EXECUTE")
    if reader.accept("IMMEDIATE"):
        text = reader.until("USING")
        reader.rest()
        if len(text) == 1 and text[0].kind == STRING:
            return _nested(parts.text(text[0]), reader, line)
        if not text:
            raise UnreadError("a text expected")
        return (Operation(Kind.OPAQUE, value="execute", line=line),)
    name = reader.name()
    if reader.accept("USING"):
        reader.rest()
    return (Operation(Kind.OPAQUE, name=name, value="execute", line=line),)


def _nested(sql: str, reader: Reader, line: int) -> tuple[Operation, ...]:
    from migsafe.sql.parse import operations  # noqa: PLC0415 - parse reads this module on demand

    found = operations(sql, reader.dialect, line)
    return tuple(replace(o, line=line, options=(*o.options, "nested")) for o in found)


def deallocate(reader: Reader) -> tuple[Operation, ...]:
    """DEALLOCATE PREPARE and DROP PREPARE."""
    line = reader.line()
    reader.next()
    reader.expect("PREPARE")
    return (Operation(Kind.MAINTENANCE, name="deallocate", value=reader.name(), line=line),)


def call(reader: Reader) -> tuple[Operation, ...]:
    """CALL name[(arguments)]."""
    line = reader.line()
    reader.expect("CALL")
    name = reader.relation()
    value = reader.source(reader.group()) if reader.peek() == "(" else ""
    return (Operation(Kind.CALL, name=name, value=value, line=line),)


# -- upkeep ---------------------------------------------------------------------------------------


def _upkeep(reader: Reader, line: int) -> tuple[Operation, ...]:
    name = " ".join(t.upper for t in reader.tokens[:2] if t.upper).lower()
    reader.rest()
    return (Operation(Kind.MAINTENANCE, name=name, line=line),)


def upkeep(reader: Reader) -> tuple[Operation, ...]:
    """What changes neither schema nor rows: SHOW, FLUSH, EXPLAIN, HELP, KILL, ..."""
    return _upkeep(reader, reader.line())


def tables(reader: Reader) -> tuple[Operation, ...]:
    """ANALYZE, OPTIMIZE, CHECK, REPAIR, CHECKSUM TABLE: one operation for each table."""
    line = reader.line()
    verb = reader.next().upper.lower()
    word = reader.accept_any("NO_WRITE_TO_BINLOG", "LOCAL").lower()
    if not reader.accept_any("TABLE", "TABLES"):
        raise UnreadError(f"{verb.upper()} TABLE expected")
    names = reader.relations()
    rest: Sequence[Token] = reader.rest()
    said = (word, parts.joined(rest).lower())
    options = tuple(o for o in said if o)
    return tuple(
        Operation(Kind.MAINTENANCE, table=name, name=verb, options=options, line=line)
        for name in names
    )


def analyse(reader: Reader) -> tuple[Operation, ...]:
    """ANALYZE TABLE; MariaDB's ANALYZE of a statement runs it."""
    start_at = reader.at
    reader.expect("ANALYZE")
    if reader.peek() in {"TABLE", "TABLES", "LOCAL", "NO_WRITE_TO_BINLOG"}:
        reader.at = start_at
        return tables(reader)
    if reader.accept("FORMAT"):
        reader.expect("=")
        reader.next()
    line = reader.line()
    return _nested(reader.source(reader.rest()), reader, line)


def statement(reader: Reader) -> tuple[Operation, ...]:
    """MariaDB: SET STATEMENT settings FOR statement."""
    reader.expect("SET", "STATEMENT")
    end_at = first_outside(reader.tokens, ("FOR",), reader.at)
    if end_at is None:
        raise UnreadError("FOR expected")
    inner = reader.tokens[end_at + 1 :]
    words = reader.tokens
    reader.tokens = words[:end_at]
    settings = [_setting(reader)]
    while reader.accept(","):
        settings.append(_setting(reader))
    reader.end()
    reader.tokens, reader.at = words, len(words)
    found = [replace(o, options=("statement",)) for o in settings]
    if not inner:
        raise UnreadError("a statement expected")
    from migsafe.sql.parse import operations  # noqa: PLC0415 - parse reads this module on demand

    following = operations(reader.source(inner), reader.dialect, reader.line(inner[0]))
    return (*found, *following)


STATEMENTS: dict[str, Read] = {
    "USE": use,
    "BEGIN": begin,
    "START": start,
    "COMMIT": end,
    "ROLLBACK": end,
    "SAVEPOINT": savepoint,
    "RELEASE": savepoint,
    "LOCK": lock,
    "UNLOCK": unlock,
    "GRANT": rights,
    "REVOKE": rights,
    "PREPARE": prepare,
    "EXECUTE": execute,
    "DEALLOCATE": deallocate,
    "CALL": call,
    "ANALYZE": analyse,
    "OPTIMIZE": tables,
    "CHECK": tables,
    "REPAIR": tables,
    "CHECKSUM": tables,
    **dict.fromkeys(
        ("SHOW", "EXPLAIN", "DESCRIBE", "DESC", "FLUSH", "HELP", "KILL", "RESET", "STOP", "CHANGE",
         "PURGE", "INSTALL", "UNINSTALL", "CACHE", "BINLOG", "SHUTDOWN", "RESTART"),
        upkeep,
    ),
    **dict.fromkeys(("IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR"), block),
}  # fmt: skip
