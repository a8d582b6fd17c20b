"""The process in which another SQLite library stands in for the usual one."""

from __future__ import annotations

import ctypes
import pickle
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from migsafe.errors import MigsafeError
from migsafe.model.outcome import Observation
from migsafe.model.sample import Sample
from migsafe.replay import checks, launch
from migsafe.replay.plan import Plan
from migsafe.replay.run import migrated


@dataclass(frozen=True, slots=True)
class Task:
    """What the process is to do, on which library.

    Beside each sample stand the new and the old name (folded) of its tables that are renamed.
    """

    library_path: str
    plan: Plan
    samples: tuple[tuple[Sample, Mapping[str, str]], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The version that ran, and what was seen on each sample."""

    version: str
    seen: tuple[tuple[Observation, ...], ...]


def main(task: str, answer: str) -> None:
    """Read the task from one file, write the answer (or, as text, why there is none) to another."""
    asked: Task = pickle.loads(Path(task).read_bytes())  # noqa: S301 - written by our parent
    found = _mismatch(asked.library_path) or _answer(asked)
    Path(answer).write_bytes(pickle.dumps(found))


def _mismatch(library: str) -> str:
    """Why it is not the library that Python uses here; "" where it is.

    The source identifier tells one build's sources from another's (c3ref/libversion.html).
    """
    try:
        loaded = ctypes.CDLL(library)
        for name in ("sqlite3_sourceid", "sqlite3_libversion"):
            getattr(loaded, name).restype = ctypes.c_char_p
        source, version = loaded.sqlite3_sourceid(), loaded.sqlite3_libversion()
    except (OSError, AttributeError):
        return "it is no library that this machine can load"
    with closing(sqlite3.connect(":memory:")) as database:
        (own,) = database.execute("SELECT sqlite_source_id()").fetchone()
    if own == source.decode():
        return ""
    return (
        f"this Python keeps to its own SQLite {sqlite3.sqlite_version} (the library is"
        f" {version.decode()}): it was built in, or is found before any other"
    )


def _answer(task: Task) -> Answer:
    plan = replace(task.plan, probes=(), deep=frozenset(), engine=None)
    seen = tuple(tuple(_marked(_seen(plan, *case))) for case in task.samples)
    return Answer(sqlite3.sqlite_version, seen)


def _marked(seen: Iterator[Observation]) -> Iterator[Observation]:
    for observation in seen:
        error = f"{observation.error} " if observation.error else ""
        told = f"{error}(on SQLite {sqlite3.sqlite_version})"
        yield replace(observation, error=told, detail="")


def _seen(plan: Plan, sample: Sample, origin: Mapping[str, str]) -> Iterator[Observation]:
    """What needs no look at the schema: an old library could not describe it as today's do."""
    try:
        pending = plan.history.pending(sample.revision)
        with migrated(plan, sample.data, pending) as (database, attempt):
            if attempt.raised is not None:
                kind = "too-slow" if attempt.raised.slow else "raised"
                yield Observation(kind, attempt.raised.place, error=attempt.raised.message)
                return
            yield from checks.integrity(sample.data, database, origin)
            yield from checks.foreign_keys(sample.data, database, origin)
            yield from launch.check(database, sample.data, plan.launch)
    except MigsafeError:
        return  # told by the replay on the usual library
