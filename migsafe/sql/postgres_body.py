"""The bodies of PostgreSQL's functions and DO blocks, read as far as they are plain SQL.

PL/pgSQL is divided at its own words (IF .. THEN, LOOP, ELSE, END, ...): what stands between them
and starts like an SQL statement is one (manual, chapter 43).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from migsafe.model.migration import Dialect, Kind, Operation
from migsafe.sql.reader import Reader, first_outside
from migsafe.sql.tokens import STRING, Token, joined, tokenize, unquoted

Read = Callable[[str, Dialect, int], tuple[Operation, ...]]

_DOLLARS = re.compile(r"\$\w*\$")
_OPENERS = {"IF": "THEN", "ELSIF": "THEN", "ELSEIF": "THEN", "WHILE": "LOOP", "WHEN": "THEN"}
_ALONE = {"BEGIN", "ELSE", "EXCEPTION"}
_IGNORED = {"RAISE", "RETURN", "GET", "ASSERT", "OPEN", "FETCH", "CLOSE", "MOVE", "EXIT",
            "CONTINUE", "NULL", "RESET"}  # fmt: skip
_SQL = {"CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "LOCK", "SELECT",
        "WITH", "REFRESH", "REINDEX", "COMMENT", "GRANT", "REVOKE", "CALL", "SET", "COPY",
        "CLUSTER", "VACUUM", "ANALYZE", "MERGE"}  # fmt: skip


def function_options(reader: Reader) -> tuple[str, ...]:
    """What stands after a function's arguments: language, volatility, what it returns.

    Steps over the whole rest. `immutable`, `stable` and `volatile` as written; none means
    volatile (manual, CREATE FUNCTION).
    """
    options: list[str] = []
    if reader.accept("RETURNS"):
        start = reader.at
        if reader.accept("TABLE"):
            reader.group()
        else:
            while (
                reader and reader.peek() not in _CLAUSES and reader.tokens[reader.at].kind != STRING
            ):
                reader.next()
        options.append("returns=" + joined(reader.tokens[start : reader.at]).lower())
    words = list(reader.rest())
    for at, token in enumerate(words):
        word = token.upper
        if word == "LANGUAGE" and at + 1 < len(words):
            options.append("language=" + words[at + 1].name.lower())
        elif word in {"IMMUTABLE", "STABLE", "VOLATILE"}:
            options.append(word.lower())
        elif word == "DEFINER" and words[at - 1].upper == "SECURITY":
            options.append("security definer")
    return tuple(options)


_CLAUSES = {
    "LANGUAGE", "AS", "IMMUTABLE", "STABLE", "VOLATILE", "STRICT", "SECURITY", "CALLED", "COST",
    "ROWS", "SET", "PARALLEL", "WINDOW", "LEAKPROOF", "RETURN", "BEGIN", "SUPPORT", "TRANSFORM",
}  # fmt: skip


def block(reader: Reader, read: Read) -> tuple[Operation, ...]:
    """DO: one operation of kind BLOCK, then one nested operation for each thing its body does.

    `read` reads a single statement. A statement that the body builds at run time is OPAQUE.
    """
    line = reader.line()
    reader.expect("DO")
    language, body = "plpgsql", None
    while reader:
        token = reader.next()
        if token.upper == "LANGUAGE":
            language = reader.next().name.lower()
        elif token.kind == STRING:
            body = token
    outer = Operation(Kind.BLOCK, value=language, line=line)
    if body is None or language != "plpgsql":
        return (outer, Operation(Kind.OPAQUE, value=f"a block of {language}", line=line))
    text, start = _inner(body)
    first = reader.line(body) + body.text[:start].count("\n")
    return (outer, *nested(text, reader.dialect, first, read))


def procedure(reader: Reader, tokens: Sequence[Token], read: Read) -> tuple[Operation, ...]:
    """What a procedure in PL/pgSQL does once it is called; `tokens` follow its arguments."""
    languages = [t.name.lower() for before, t in pairwise(tokens) if before.upper == "LANGUAGE"]
    body = next((t for b, t in pairwise(tokens) if b.upper == "AS" and t.kind == STRING), None)
    if body is None or languages != ["plpgsql"]:
        return ()
    text, start = _inner(body)
    first = reader.line(body) + body.text[:start].count("\n")
    return tuple(nested(text, reader.dialect, first, read))


def _inner(token: Token) -> tuple[str, int]:
    """The text between the quotes, and where it starts. Doubled quotes stay as long as they are."""
    dollars = _DOLLARS.match(token.text)
    if dollars:
        tag = dollars.group()
        return token.text[len(tag) :].removesuffix(tag), len(tag)
    return token.text[1:-1].replace("''", "' "), 1


def nested(text: str, dialect: Dialect, first: int, read: Read) -> Iterator[Operation]:
    """The operations of a body whose first line is `first`."""
    tokens = tokenize(text, dialect)
    for at, end, marks in _statements(tokens):
        found = tokens[at:end]
        source = text[found[0].start : found[-1].end]
        line = first + text.count("\n", 0, found[0].start)
        for operation in _operations(found, source, dialect, line, read):
            yield replace(operation, options=(*operation.options, "nested", *marks))


def _statements(tokens: Sequence[Token]) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Ranges of SQL statements, with the marks loop and conditional where they stand in one."""
    at, loops, conditions = 0, 0, 0
    while at < len(tokens):
        word = tokens[at].upper
        if word == "DECLARE":
            at = _after(tokens, at, "BEGIN") - 1
        elif word == ";" or word in _ALONE:
            at += 1
        elif word == "END":
            closed = tokens[at + 1].upper if at + 1 < len(tokens) else ""
            loops -= closed == "LOOP"
            conditions -= closed in {"IF", "CASE"}
            at = _after(tokens, at, ";")
        elif word in {"<", "<<"}:
            at = _after(tokens, _after(tokens, at, ">"), ">")
        elif word == "CASE":
            conditions += 1
            at = _after(tokens, at, "THEN")
        elif word in _OPENERS:
            conditions += word == "IF"
            loops += word == "WHILE"
            at = _after(tokens, at, _OPENERS[word])
        elif word in {"FOR", "FOREACH", "LOOP"}:
            loops += 1
            at = _after(tokens, at, "LOOP")
        else:
            end = _after(tokens, at, ";")
            stop = end - 1 if tokens[end - 1].text == ";" else end
            marks = ("loop",) * (loops > 0) + ("conditional",) * (conditions > 0)
            if stop > at:
                yield at, stop, marks
            at = end


def _after(tokens: Sequence[Token], at: int, word: str) -> int:
    found = first_outside(tokens, (word,), at)
    return len(tokens) if found is None else found + 1


def _operations(
    tokens: Sequence[Token], source: str, dialect: Dialect, line: int, read: Read
) -> tuple[Operation, ...]:
    word = tokens[0].upper
    if word in {"COMMIT", "ROLLBACK"}:
        return (Operation(Kind.COMMIT if word == "COMMIT" else Kind.ROLLBACK, line=line),)
    if word == "PERFORM":
        return read("SELECT" + source[len("PERFORM") :], dialect, line)
    if word == "EXECUTE":
        return _executed(tokens, dialect, line, read)
    if word in _IGNORED or word not in _SQL:
        return ()
    return read(_without_into(tokens, source, word), dialect, line)


def _without_into(tokens: Sequence[Token], source: str, word: str) -> str:
    """SELECT .. INTO variable, blanked out: for SQL it would make a table."""
    if word not in {"SELECT", "WITH"}:
        return source
    at = first_outside(tokens, ("INTO",))
    if at is None:
        return source
    end = at + 1
    end += tokens[end].upper == "STRICT" if end < len(tokens) else 0
    while end + 2 < len(tokens) and tokens[end + 1].text in {",", "."}:
        end += 2
    stop = tokens[min(end, len(tokens) - 1)].end - tokens[0].start
    start = tokens[at].start - tokens[0].start
    blank = re.sub(r"[^\n]", " ", source[start:stop])
    return source[:start] + blank + source[stop:]


def _executed(
    tokens: Sequence[Token], dialect: Dialect, line: int, read: Read
) -> tuple[Operation, ...]:
    """EXECUTE of a whole literal is that statement; any other text is built as it runs."""
    alone = len(tokens) == 2 or (len(tokens) > 2 and tokens[2].upper in {"INTO", "USING"})
    if len(tokens) > 1 and alone and tokens[1].kind == STRING:
        text = tokens[1].text
        inner = _inner(tokens[1])[0] if text.startswith("$") else unquoted(text)
        return read(inner, dialect, line)
    return (Operation(Kind.OPAQUE, value="a statement built as it runs", line=line),)
