"""A check in parts, for a CI matrix: which samples are whose, and the parts put together.

A part's JSON report carries what its replays saw. `merge` judges that as one check does, so that
its report is the very one of a check of all samples, timings apart.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from migsafe import __version__
from migsafe.cli.project import Project
from migsafe.errors import UsageError
from migsafe.model.evidence import NotRun
from migsafe.model.outcome import Outcome, Probe, Scenario
from migsafe.model.report import Report, Shard
from migsafe.model.sample import Sample
from migsafe.replay.library import Found

_Sample = TypeVar("_Sample", bound=Sample)


@dataclass(frozen=True, slots=True)
class Part:
    """Part `number` (from 1) `of` so many. A sample's name alone says which part it is in."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Part:
        """The part that "2/4" means. Raises UsageError."""
        number, _, of = text.partition("/")
        if not (number.isascii() and of.isascii() and number.isdecimal() and of.isdecimal()):
            raise UsageError(f"--shard {text} is not N/M", hint="the second of four parts: 2/4")
        part = cls(int(number), int(of))
        if not 1 <= part.number <= part.of:
            raise UsageError(f"--shard {text}: parts count from 1 to {part.of}")
        return part

    def mine(self, samples: Iterable[_Sample]) -> tuple[_Sample, ...]:
        """The samples of this part, in their order."""
        return tuple(s for s in samples if self._of(s.path) == self.number)

    def _of(self, path: str) -> int:
        digest = hashlib.sha256(path.encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8], "big") % self.of + 1


@dataclass(frozen=True, slots=True)
class Known:
    """What the parts of a check have seen, together. `state` as in `Shard`."""

    outcomes: tuple[Outcome, ...]
    not_run: tuple[NotRun, ...]
    made: bool
    state: str
    seconds: float

    def of(self, samples: Sequence[Sample], state: str) -> tuple[Outcome, ...]:
        """The outcomes in the order of one check. Raises UsageError for those of another state."""
        if state != self.state:
            raise UsageError(
                "the parts were made from other migrations, samples or rules than these",
                hint="merge with the files and the version of migsafe that the parts were made by",
            )
        place = {sample.path: number for number, sample in enumerate(samples)}
        late = Scenario.OLD_ENGINE
        return tuple(
            sorted(self.outcomes, key=lambda o: (o.scenario is late, place.get(o.sample, -1)))
        )


def state(project: Project, samples: Iterable[Sample], probes: Iterable[Probe]) -> str:
    """A digest of what the replays of all parts go by."""
    history = project.history
    told = (
        __version__,
        str(history.dialect),
        [(m.path, m.revision, m.digest) for m in history.migrations],
        [(s.path, s.revision, s.digest, s.weight) for s in samples],
        [(p.rule, p.candidate, p.sql, p.place.path, p.place.line) for p in probes],
    )
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def marked(
    report: Report, part: Part | None, of: tuple[bool, str], seen: Found, samples: int
) -> Report:
    """The report of a part, of a check of so many samples (no part: the report itself).

    `of` is whether rows were made up, and the check's state; `seen` what the part's replays saw.
    """
    if part is None:
        return report
    assert report.replay is not None
    mine = len(report.replay.databases)
    what = f"--shard {part.number}/{part.of} replays {mine:,} of {samples:,}"
    rest = NotRun("the samples of other parts", f"{what}; `migsafe merge` judges all")
    shard = Shard(part.number, part.of, *of, seen.outcomes, seen.not_run)
    return replace(report, shard=shard, not_run=(*report.not_run, rest))


# -- the parts' reports -------------------------------------------------------------------------


def together(paths: Iterable[Path]) -> Known:
    """What the reports of all parts hold. Raises UsageError where they do not make a whole."""
    found = [(path, *_read(path)) for path in paths]
    shards = [shard for _, shard, _ in found]
    first = shards[0]
    for path, shard, _ in found:
        if (shard.of, shard.state, shard.made) != (first.of, first.state, first.made):
            raise UsageError(f"{path} is not of the same check as {found[0][0]}")
    numbers = sorted(shard.number for shard in shards)
    if numbers != list(range(1, first.of + 1)):
        raise UsageError(
            f"of {first.of} parts there are {', '.join(map(str, numbers))}",
            hint="each part is needed once",
        )
    return Known(
        tuple(o for shard in shards for o in shard.outcomes),
        tuple(dict.fromkeys(n for shard in shards for n in shard.not_run)),
        first.made,
        first.state,
        sum(seconds for _, _, seconds in found),
    )


def _read(path: Path) -> tuple[Shard, float]:
    try:
        report = json.loads(path.read_text("utf-8"))
        return _decoded(Shard, report["shard"]), float(report["timings"]["replay"])
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UsageError(
            f"{path} is not the report of a part",
            hint="write it with: migsafe check --shard N/M --output json=FILE",
        ) from error


def _decoded(kind: Any, value: Any) -> Any:
    """The value of that type, as `dataclasses.asdict` and JSON have left it."""
    origin = get_origin(kind)
    if origin in {Union, UnionType}:
        return _one_of(get_args(kind), value)
    if origin is tuple:
        return tuple(_items(get_args(kind), value))
    if is_dataclass(kind) and isinstance(kind, type):
        return _instance(kind, value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise TypeError(kind)
    return value


def _one_of(kinds: tuple[Any, ...], value: Any) -> Any:
    if value is None and NoneType in kinds:
        return None
    plain = [k for k in kinds if type(value) is k]
    rest = [k for k in kinds if k is not NoneType]
    return _decoded((plain or rest)[0], value)


def _items(kinds: tuple[Any, ...], value: Any) -> Iterator[Any]:
    if not isinstance(value, list):
        raise TypeError(kinds)
    each = [kinds[0]] * len(value) if kinds[1:] == (...,) else kinds
    for kind, item in zip(each, value, strict=True):
        yield _decoded(kind, item)


def _instance(kind: type, value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise TypeError(kind)
    hints = get_type_hints(kind)
    known = {f.name for f in fields(kind)}
    if set(value) != known:
        raise TypeError(kind)
    return kind(**{name: _decoded(hints[name], item) for name, item in value.items()})
