"""What the statements of MySQL and MariaDB have in common: values, accounts, keys, options."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from migsafe.model.schema import IndexColumn
from migsafe.sql import mentions as named
from migsafe.sql.reader import Reader, UnreadError
from migsafe.sql.tokens import BLOB, MARK, NAMES, NUMBER, QUOTED, STRING, WORD, Token, stripped
from migsafe.sql.tokens import joined as _joined

_ESCAPE = re.compile(r"\\(.)", re.S)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "Z": "\x1a"}


def text(token: Token) -> str:
    """What a string says: quotes, doubled quotes and backslashes undone (manual, 11.1.1)."""
    if token.kind != STRING:
        return token.name
    return _ESCAPE.sub(lambda m: _ESCAPED.get(m[1], m[1]), token.name)


def joined(tokens: Sequence[Token]) -> str:
    """Tokens as normalised text, every string as standard SQL writes it."""
    return _joined(map(_standard, tokens))


def normalised(tokens: Sequence[Token]) -> str:
    """Tokens as normalised text, an outer pair of brackets taken away."""
    return joined(stripped(tokens))


def _standard(token: Token) -> Token:
    if token.kind != STRING or (token.text[0] == "'" and "\\" not in token.text):
        return token
    return token._replace(text="'" + text(token).replace("'", "''") + "'")


def spaced(reader: Reader, tokens: Sequence[Token]) -> str:
    """The source of these tokens, with one space for each gap, whatever stood in it."""
    words = []
    end = tokens[0].start if tokens else 0
    for token in tokens:
        words.append(" " * (token.start > end) + reader.sql[token.start : token.end])
        end = token.end
    return "".join(words)


def since(reader: Reader, start: int) -> Sequence[Token]:
    """The tokens stepped over since the cursor stood at `start`."""
    return reader.tokens[start : reader.at]


def string(reader: Reader) -> str:
    """A string, which must come next."""
    token = reader.next()
    if token.kind != STRING:
        raise UnreadError(f"a string expected, {token.text} found")
    return text(token)


def number(reader: Reader) -> str:
    """A number, which must come next."""
    token = reader.next()
    if token.kind != NUMBER:
        raise UnreadError(f"a number expected, {token.text} found")
    return token.text


def value(reader: Reader) -> str:
    """One word, name, number or string of an option, without its quotes."""
    token = reader.next()
    if token.kind == MARK:
        raise UnreadError(f"a value expected, {token.text} found")
    return text(token)


def account(reader: Reader) -> str:
    """A user or role: `name`, `name@host`, CURRENT_USER[()] (manual, Specifying Account Names)."""
    start = reader.at
    token = reader.next()
    if token.kind not in NAMES:
        raise UnreadError(f"an account expected, {token.text} found")
    if token.upper in {"CURRENT_USER", "CURRENT_ROLE"} and reader.accept("("):
        reader.expect(")")
    elif reader.accept("@") or (reader and reader.tokens[reader.at].text.startswith("@")):
        reader.next()
    return reader.source(since(reader, start))


def key_parts(reader: Reader) -> tuple[IndexColumn, ...]:
    """The bracketed columns of a key: `a`, `a(10)`, `a DESC`, `(expression)`."""
    parts = tuple(map(_key_part, reader.terms()))
    if not parts:
        raise UnreadError("a column of a key expected")
    return parts


def _key_part(term: Sequence[Token]) -> IndexColumn:
    descending = len(term) > 1 and term[-1].upper == "DESC"
    if len(term) > 1 and term[-1].upper in {"ASC", "DESC"}:
        term = term[:-1]
    if not term:
        raise UnreadError("a column of a key expected")
    if term[0].text == "(":
        return IndexColumn(normalised(term), True, descending=descending)
    if term[0].kind not in {WORD, QUOTED}:
        raise UnreadError(f"a column of a key expected, {term[0].text} found")
    if len(term) == 1:
        return IndexColumn(term[0].name, descending=descending)
    if [t.text for t in term[1::2]] != ["(", ")"] or term[2].kind != NUMBER:
        raise UnreadError("a prefix's length expected")
    return IndexColumn(term[0].name, descending=descending, length=int(term[2].text))


def plain(parts: Sequence[IndexColumn]) -> bool:
    """Are these whole columns in ascending order, as a UNIQUE clause of standard SQL has them?"""
    return not any(p.expression or p.length or p.descending for p in parts)


_KEY_WORDS = {
    "KEY_BLOCK_SIZE", "COMMENT", "ENGINE_ATTRIBUTE", "SECONDARY_ENGINE_ATTRIBUTE", "CLUSTERING",
    "M", "DISTANCE",
}  # fmt: skip


def key_type(reader: Reader) -> str:
    """Step over USING BTREE and the like; the type in lower case, "" for none."""
    return reader.name().lower() if reader.accept_any("USING", "TYPE") else ""


def key_options(reader: Reader) -> Iterator[str]:
    """What may follow a key's columns, as options; `using=<type>` among them."""
    while reader:
        if kind := key_type(reader):
            yield f"using={kind}"
        elif reader.accept("WITH", "PARSER"):
            yield f"with parser={reader.name()}"
        elif word := reader.accept_any("VISIBLE", "INVISIBLE", "IGNORED"):
            yield word.lower()
        elif reader.accept("NOT", "IGNORED"):
            yield "not ignored"
        elif word := reader.accept_any(*_KEY_WORDS):
            reader.accept("=")
            yield f"{word.lower()}={value(reader)}"
        else:
            return


def literal(reader: Reader) -> bool:
    """Step over one literal, if one comes next: 1, -1, 'a', _utf8mb4'a', b'0', TRUE, NULL."""
    start = reader.at
    signed = bool(reader.accept_any("-", "+"))
    token = reader.next()
    introduced = token.kind == WORD and token.text.startswith("_") and reader
    if introduced and reader.tokens[reader.at].kind in {STRING, BLOB}:
        reader.next()
        return True
    if token.kind in ({NUMBER} if signed else {NUMBER, STRING, BLOB}):
        return True
    if not signed and token.upper in {"NULL", "TRUE", "FALSE"}:
        return True
    reader.at = start
    return False


# -- which tables a body names --------------------------------------------------------------------

_FILLING = {"INSERT", "REPLACE", "IGNORE", "LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED"}


def mentions(tokens: Sequence[Token]) -> tuple[str, ...]:
    """The tables and views that a query or a routine's body names, folded and sorted.

    SELECT .. INTO and FETCH .. INTO name variables, ON DUPLICATE KEY UPDATE columns.
    """
    words = [t.upper for t in tokens]
    kept = [
        token
        for at, token in enumerate(tokens)
        if (words[at] != "INTO" or words[max(at - 1, 0)] in _FILLING)
        and (words[at] != "UPDATE" or words[max(at - 1, 0)] != "KEY")
    ]
    return named.mentions(kept)


# -- options of a table ---------------------------------------------------------------------------

_OPTION_WORDS = """
AUTOEXTEND_SIZE AUTO_INCREMENT AVG_ROW_LENGTH CHECKSUM TABLE_CHECKSUM COMMENT COMPRESSION
CONNECTION DELAY_KEY_WRITE ENCRYPTED ENCRYPTION ENCRYPTION_KEY_ID ENGINE ENGINE_ATTRIBUTE
INSERT_METHOD KEY_BLOCK_SIZE MAX_ROWS MIN_ROWS PACK_KEYS PAGE_CHECKSUM PAGE_COMPRESSED
PAGE_COMPRESSION_LEVEL PASSWORD ROW_FORMAT SECONDARY_ENGINE SECONDARY_ENGINE_ATTRIBUTE SEQUENCE
STATS_AUTO_RECALC STATS_PERSISTENT STATS_SAMPLE_PAGES STORAGE TABLESPACE TRANSACTIONAL TYPE
"""
_OPTIONS = frozenset(_OPTION_WORDS.split())
_VERBATIM = {"comment", "connection", "password", "data directory", "index directory"}
_NAMES = {"type": "engine", "character set": "charset"}


def table_option(reader: Reader) -> tuple[str, str] | None:
    """Step over one option of CREATE or ALTER TABLE; its name and value, None where none is next.

    CHARACTER SET is named charset, TYPE engine; values of free text keep their case.
    """
    start = reader.at
    reader.accept("DEFAULT")
    name = reader.words(("CHARACTER", "SET"), ("CHARSET",), ("COLLATE",)).lower()
    if not name:
        reader.at = start
        name = reader.words(("DATA", "DIRECTORY"), ("INDEX", "DIRECTORY")).lower()
    name = name or reader.accept_any(*_OPTIONS).lower()
    if name:
        reader.accept("=")
        given = value(reader)
        return _NAMES.get(name, name), given if name in _VERBATIM else given.lower()
    return _odd_option(reader)


def _odd_option(reader: Reader) -> tuple[str, str] | None:
    if reader.accept("WITH", "SYSTEM", "VERSIONING"):
        return "system versioning", "with"
    if reader.ahead("UNION", "=") or reader.ahead("UNION", "("):
        reader.next()
        reader.accept("=")
        return "union", ",".join(t.name for t in reader.group() if t.kind in NAMES)
    foreign = reader and reader.tokens[reader.at].kind == QUOTED and reader.peek(1) == "="
    if not foreign:
        return None
    name = reader.name().lower()  # MariaDB: attributes of an engine, in quotes
    reader.expect("=")
    return name, value(reader)
