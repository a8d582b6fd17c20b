"""The migrations on another SQLite library: the very one that users' devices have.

Python finds SQLite when a process starts. So a process of its own is started in which the library
stands in for the usual one, and it is asked which SQLite it really uses before anything else runs.
"""

from __future__ import annotations

import os
import pickle
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from migsafe.engines import sqlite as engine
from migsafe.model.evidence import NotRun
from migsafe.model.outcome import Observation, Outcome, Place, Scenario
from migsafe.model.sample import Sample
from migsafe.replay.case import verdict
from migsafe.replay.library_worker import Answer, Task
from migsafe.replay.plan import Plan
from migsafe.replay.schemas import renamed, schema_of

WHAT = "[engine] library"
"""What is not run, where the library cannot be used."""

_NAMES = ("libsqlite3.so.0", "libsqlite3.so", "libsqlite3.dylib", "libsqlite3.0.dylib")
_START = "import sys; from migsafe.replay.library_worker import main; main(*sys.argv[1:])"
_SLACK = 30.0  # seconds to start, and for each sample what no clock of a statement counts
_UNUSABLE = re.compile(r"ELF|file too short|mach-o", re.IGNORECASE)
_LACKS = re.compile(r"undefined symbol: (\w+)|[Ss]ymbol not found: _?(\w+)")


@dataclass(frozen=True, slots=True)
class Found:
    """What the library showed: one outcome for each sample that ran, or why none did."""

    outcomes: tuple[Outcome, ...] = ()
    not_run: tuple[NotRun, ...] = ()


def run(plan: Plan, samples: Sequence[Sample], outcomes: Sequence[Outcome], library: Path) -> Found:
    """Replay the deep samples on the library; `outcomes` are those of the SQLite that runs here.

    What those show is not told again, and samples on which the migrations fail already are left
    out. A library that Python cannot use, or that brings the process down, is a NotRun.
    """
    failed = {o.sample for o in outcomes if any(x.kind == "raised" for x in o.observations)}
    deep = tuple(s for s in samples if s.path in plan.deep and s.path not in failed)
    if not deep:
        return Found()
    answer = _asked(Task(str(library), plan, tuple((s, _renamed(plan, s)) for s in deep)))
    if isinstance(answer, str):
        return Found(not_run=(NotRun(WHAT, answer),))
    return Found(tuple(_outcomes(plan, deep, outcomes, answer)))


def _renamed(plan: Plan, sample: Sample) -> dict[str, str]:
    with closing(engine.clone(sample.data)) as old:
        return renamed(plan.history.pending(sample.revision), schema_of(old))


def _outcomes(
    plan: Plan, deep: Sequence[Sample], outcomes: Sequence[Outcome], answer: Answer
) -> Iterator[Outcome]:
    for sample, observations in zip(deep, answer.seen, strict=True):
        known = {_key(x) for o in outcomes if o.sample == sample.path for x in o.observations}
        last = Place(plan.history.pending(sample.revision)[-1].path, 1)
        new = (o for o in observations if _key(o) not in known)
        seen = tuple(replace(o, place=o.place or last) for o in new)
        yield Outcome(
            sample.path,
            sample.revision,
            Scenario.OLD_ENGINE,
            verdict(seen),
            sample.weight,
            seen,
        )


def _key(seen: Observation) -> tuple[object, ...]:
    """Its table where it has one: only here is it looked up which statement is to blame."""
    return (seen.kind, seen.table or seen.place)


# -- the process ----------------------------------------------------------------------------------


def _asked(task: Task) -> Answer | str:
    with TemporaryDirectory(prefix="migsafe-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        asked, told = folder / "task", folder / "answer"
        asked.write_bytes(pickle.dumps(task))
        command = [sys.executable, "-c", _START, str(asked), str(told)]
        try:
            done = subprocess.run(  # noqa: S603 - this very Python
                command,
                env=_environment(Path(task.library_path), folder),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=_seconds(task),
            )
        except subprocess.TimeoutExpired:
            return "it is not done in time"
        if done.returncode or not told.is_file():
            return _reason(done.returncode, done.stderr.decode("utf-8", "replace"))
        answer = pickle.loads(told.read_bytes())  # noqa: S301 - written by the process above
    return answer if isinstance(answer, Answer) else str(answer)


def _environment(library: Path, folder: Path) -> dict[str, str]:
    """Variables that put the library before the usual one (ld.so(8), dyld(1)).

    By its own name and by the usual one, so that no second SQLite is loaded beside it; and bound
    at once, so that a function it lacks is an error at the start and not in the middle.
    """
    links = folder / "lib"
    links.mkdir()
    for name in _NAMES:
        (links / name).symlink_to(library)
    ours = {
        "LD_PRELOAD": str(library),
        "LD_LIBRARY_PATH": str(links),
        "DYLD_INSERT_LIBRARIES": str(library),
        "DYLD_LIBRARY_PATH": str(links),
    }
    kept = {k: f"{v}:{os.environ[k]}" if os.environ.get(k) else v for k, v in ours.items()}
    path = os.pathsep.join(p for p in sys.path if p)
    return {**os.environ, **kept, "LD_BIND_NOW": "1", "PYTHONPATH": path}


def _seconds(task: Task) -> float:
    plan = task.plan
    queries = len(plan.launch.queries) + len(plan.launch.invariants)
    each = plan.seconds * max(1, len(plan.history.migrations)) + 10.0 * queries + _SLACK
    return _SLACK + each * len(task.samples)


def _reason(code: int, text: str) -> str:
    lacks = _LACKS.search(text)
    if lacks:
        return f"it lacks {lacks[1] or lacks[2]}, which Python needs"
    if _UNUSABLE.search(text):
        return "it is no library that this machine can load"
    with suppress(ValueError):
        return f"the process that used it died of {signal.Signals(-code).name}"
    return "the process that used it could not start"
