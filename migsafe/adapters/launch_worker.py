"""The process in which a project's own code looks at migrated databases, and nothing else happens.

It reads a line of JSON with the task, answers whether the code is there, and then answers each
path of a database with a line of JSON, until its input ends. What the code prints goes nowhere.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import IO, Any

Answer = Mapping[str, Any]
Look = Callable[[str], Answer]

_EXTRA = "pip install 'migsafe[alembic]', beside what the models import"


class _Cannot(Exception):
    """The code is not there, or is not what was asked for: a sentence and a hint."""

    def __init__(self, message: str, hint: str, *, missing: bool = False) -> None:
        super().__init__(message)
        self.answer = {"cannot": message, "hint": hint, "missing": missing}


def main() -> None:
    """Answer until there are no more questions."""
    questions, answers = _apart()
    sys.dont_write_bytecode = True
    task = json.loads(questions.readline())
    sys.path.insert(0, task["root"])
    try:
        look = _looks(task["kind"], task["target"], Path(task["root"]))
    except _Cannot as cannot:
        _say(answers, cannot.answer)
        return
    _say(answers, {})
    for line in questions:
        _say(answers, look(json.loads(line)))


def _apart() -> tuple[IO[str], IO[str]]:
    """The two ends of the talk, where no `print` and no `input` of the project gets at them."""
    ends = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(nothing, number)
    os.close(nothing)
    return os.fdopen(ends[0], encoding="utf-8"), os.fdopen(ends[1], "w", encoding="utf-8")


def _say(answers: IO[str], answer: Answer) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _looks(kind: str, target: str, root: Path) -> Look:
    if kind == "callable":
        called = _function(target, root)
        return lambda path: _call(called, path, root)
    return _reader(target, root)


# -- finding the code ---------------------------------------------------------------------------


def _found(target: str, root: Path) -> Any:
    """What "package.module:name" names; without a name the module."""
    module, _, names = target.partition(":")
    found: Any = _module(module, root)
    for name in filter(None, names.split(".")):
        if not hasattr(found, name):
            raise _Cannot(f"{module} has no {names}", "the name after the colon must be in it")
        found = getattr(found, name)
    return found


def _module(name: str, root: Path) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        lacking = str(error.name)
        if name == lacking or name.startswith(f"{lacking}."):
            hint = "modules are looked for in the project's folder and among those installed"
        else:
            hint = "install what the project's code needs beside migsafe"
        raise _Cannot(f"there is no module {lacking}", hint) from error
    except (Exception, SystemExit) as error:
        where = _where(error.__traceback__, root)
        at = f" at {where[0]}:{where[1]}" if where else ""
        raise _Cannot(
            f"importing {name} raises {type(error).__name__}{at}",
            "it is imported in a process of its own, in the project's folder",
        ) from error


def _function(target: str, root: Path) -> Callable[[str], object]:
    found = _found(target, root)
    if not callable(found):
        raise _Cannot(f"{target} is no function", "name what is called with a database's path")
    if inspect.iscoroutinefunction(found):
        raise _Cannot(f"{target} is asynchronous", "name a function that calls asyncio.run()")
    called: Callable[[str], object] = found
    return called


# -- a callable ---------------------------------------------------------------------------------


def _call(called: Callable[[str], object], path: str, root: Path) -> Answer:
    try:
        result = called(path)
    except (Exception, SystemExit) as error:
        if isinstance(error, SystemExit) and not error.code:
            return {}
        text = "" if isinstance(error, SystemExit) else str(error)
        where = _where(error.__traceback__, root)
        return {"error": type(error).__name__, "message": text, "where": where}
    return {"error": "", "message": "it returned False"} if result is False else {}


def _where(trace: TracebackType | None, root: Path) -> tuple[str, int] | None:
    """The innermost line of the project's own files, relative to its folder."""
    found = None
    for frame, line in walk_tb(trace):
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(root) and "site-packages" not in path.parts:
            found = path.relative_to(root).as_posix(), line
    return found


# -- models -------------------------------------------------------------------------------------


def _reader(target: str, root: Path) -> Look:
    try:
        from migsafe.adapters import models  # noqa: PLC0415 - only models need SQLAlchemy
    except ModuleNotFoundError as error:
        sentence = f"reading models needs the package {error.name}"
        raise _Cannot(sentence, _EXTRA, missing=True) from error
    found = _found(target, root)
    try:
        mapped = models.mapped_by(found)
    except Exception as error:
        raise _Cannot(
            f"the models of {target} cannot be put together: {type(error).__name__}",
            "name a module that imports all of them",
        ) from error
    if not mapped.tables:
        hint = "name a declarative base, a registry, a MetaData, or a module that has one"
        raise _Cannot(f"{target} maps no table", hint)
    return lambda path: {"seen": list(models.look(mapped, path))}
