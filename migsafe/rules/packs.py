"""Rule packs: folders of rules in installed packages, named by the entry points `migsafe.rules`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from migsafe.errors import ConfigError, nearest
from migsafe.rules.load import Source

GROUP = "migsafe.rules"
"""An entry point of this group is a package, whose folder has a folder `rules`."""


def sources(names: Iterable[str]) -> Iterator[Source]:
    """The folder of each pack; nothing of a pack is imported or run here.

    Raises ConfigError for a pack that is not installed, or has no rules.
    """
    installed = {e.name: e for e in sorted(entry_points(group=GROUP), key=lambda e: e.name)}
    for name in names:
        if name not in installed:
            near = nearest(name, installed)
            there = ", ".join(installed) or "none"
            hint = f"did you mean {near[0]}?" if near else f"installed packs: {there}"
            raise ConfigError(f"rules.packs names {name}, which is not installed", hint=hint)
        yield Source(_folder(installed[name]), f"the pack {name}")


def _folder(entry: EntryPoint) -> Path:
    # Only the outermost package is looked up: looking for an inner one would import the outer.
    outer, *inner = entry.module.split(".")
    spec = find_spec(outer)
    for place in (spec and spec.submodule_search_locations) or ():
        folder = Path(place, *inner, "rules")
        if folder.is_dir():
            return folder
    raise ConfigError(
        f"the pack {entry.name} has no rules",
        hint=f"its package {entry.module} needs a folder rules with a folder for each rule",
    )
