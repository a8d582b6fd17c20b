"""Error messages without values of rows: only words that are known to come from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = re.compile(r"\w+")
_GAPS = re.compile(r"\.{3,}(?:[^\w\s]{1,3}\.{3,})*")

_SQLITE = """
    a abort access add after aggregate all already altering alter ambiguous an and are argument
    arguments as at attach attached auth authorized authorizer auto autoincrement back bad base be
    begin bind binding bindings blob bound by byte bytes can cannot cascade changed check checks
    circularly circular code collation collating column columns commit compound concurrency
    conflict connection constant constraint contains content corrupt could create created cycle
    data database datatype date decode default defer deferred defined delete depth detach different
    directly disk distinct do does done drop dropping duplicate ended entry error event exceeded
    exist exists expected expression expressions extension failed fewer few field file find first
    flag for foreign format forbidden found free from fts3 fts4 fts5 full function functions
    generated get group handle has have having host i id if image implicit in incomplete incorrect
    index indexed indexes infinite input insert instead integer integrity interrupted into invalid
    io is it join json key large left level library limit limits list literal locked log logic long
    loop main malformed many match maximum memory mismatch missing misuse mode modified modify
    module more most multiple must name named natural near need new no non not nul null number
    numeric object of offset oid old on one only open operand operation or order out outer over
    overflow page parameter parameters parser partial pragma path permission primary prepared
    prohibited query raise range rank read readonly real recover recursive reference referenced
    references refers rename replace reserved result return returned right rollback row rowid rows
    savepoint schema select set should size some sql sqlite stack statement statements step storage
    stored strict string subquery such supplied support supported syntax system table tables target
    temp temporary term terms text than that the there this to token too transaction transactions
    trigger type types unable unclosed undefined unexpected unfinished union unique unknown unopened
    unrecognized unsupported unterminated update upsert use used user uses using utf value values
    variable variables vector version view views virtual was wal when where while window with within
    without writable write writing wrong you your zero 0 1 2 3 8
"""
_PYTHON = """
    argument arguments assertionerror attribute attributeerror base bool bytes call callable class
    connectionerror decode dict division divide do encode error exception expected exit eoferror
    filenotfounderror float format from got has import importerror indexerror index int integer
    integrityerror isoformat iterable iterate keyerror keyword length list literal lookuperror
    maximum method missing modulenotfounderror module named nameerror nonetype none
    notimplementederror object operand operationalerror oserror out overflowerror permissionerror
    pop positional programmingerror range recursion required runtimeerror sequence size slice
    sqlite3 str string subscriptable substring syntaxerror systemexit takes time timeouterror tuple
    type typeerror types unexpected unhashable unpack unicodedecodeerror unicodeencodeerror
    unsupported valueerror zerodivisionerror raised sys operationalerror interfaceerror 10
    died process ran migration interrupted
"""
_KNOWN = frozenset((_SQLITE + _PYTHON).split())
"""The words of SQLite's and Python's own messages."""


def vetted(message: str, texts: Iterable[str]) -> str:
    """The message with every word replaced by `...` that neither SQLite nor these texts know.

    `texts` are what may be shown: the user's migration, its queries, the schema.
    """
    allowed = {w.lower() for text in texts for w in _WORD.findall(text)}

    def kept(match: re.Match[str]) -> str:
        word = match.group()
        return word if word.lower() in _KNOWN or word.lower() in allowed else "..."

    return _GAPS.sub("...", _WORD.sub(kept, message))
