"""Rules that are a Python function over the facts: `check = "file.py:function"` in rule.toml."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from traceback import extract_tb

from migsafe.engines.sqlite_guard import read_only
from migsafe.errors import MigsafeError, RuleInvalid
from migsafe.model.rule import Rule
from migsafe.rules.ask import ROW_LIMIT, SECONDS, Row

Function = Callable[[sqlite3.Connection], Iterable[Row]]


def rows(facts: sqlite3.Connection, rule: Rule) -> list[Row]:
    """What the rule's function yields: dicts as a find's rows. Its connection only reads.

    Raises RuleInvalid for a function that is missing, raises, or yields something else. How long
    its Python may take is not bounded: a project that allows code trusts it.
    """
    path, name = _file(rule)
    found: list[Row] = []
    try:
        function = _function(path, name, rule)
        with read_only(facts, SECONDS):
            for row in function(facts):
                found.append(_row(row, rule))
                if len(found) > ROW_LIMIT:
                    raise _wrong(rule, f"returns more than {ROW_LIMIT} rows")
    except RuleInvalid:
        raise
    except MigsafeError as error:
        raise _wrong(rule, f"fails: {error.message}", hint=error.hint) from error
    except (Exception, SystemExit) as error:  # whatever the project's code raises
        raise _raised(rule, error, path) from error
    return found


def _file(rule: Rule) -> tuple[Path, str]:
    file, _, name = rule.check.partition(":")
    path = Path(rule.asks or rule.path).parent / file
    if not path.is_file():
        raise _wrong(rule, f"cannot be found: there is no {file} beside rule.toml")
    return path, name


def _function(path: Path, name: str, rule: Rule) -> Function:
    spec = spec_from_file_location(f"migsafe_rule_{rule.id.replace('-', '_')}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    with _nothing_written():
        spec.loader.exec_module(module)
    function = getattr(module, name, None)
    if not callable(function):
        raise _wrong(rule, f"cannot be found: {path.name} has no function {name}")
    made: Function = function
    return made


@contextmanager
def _nothing_written() -> Iterator[None]:
    """Importing must not leave compiled code among the project's files."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _row(row: object, rule: Rule) -> Row:
    if not isinstance(row, dict) or not all(isinstance(k, str) for k in row):
        raise _wrong(rule, f"yields a {type(row).__name__}, expected a dict with texts as keys")
    for key, value in row.items():
        if not isinstance(value, str | int | float | None):
            raise _wrong(rule, f"yields a {type(value).__name__} as {key}")
    return row


def _wrong(rule: Rule, what: str, hint: str = "") -> RuleInvalid:
    place = "/".join(rule.path.split("/")[-3:])
    return RuleInvalid(f"check of rule {rule.id} {what}", place=place, hint=hint)


def _raised(rule: Rule, error: BaseException, path: Path) -> RuleInvalid:
    lines = [f.lineno for f in extract_tb(error.__traceback__) if f.filename == str(path)]
    if isinstance(error, SyntaxError) and error.filename == str(path):
        lines = [error.lineno]
    place = "/".join(path.parts[-3:]) + (f":{lines[-1]}" if lines and lines[-1] else "")
    said = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    return RuleInvalid(
        f"check of rule {rule.id} raises {type(error).__name__}" + (f": {said}" if said else ""),
        place=place,
    )
