"""Two histories of one project: with the migration as it shipped, and with the hotfix."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from migsafe.adapters import revision_of
from migsafe.adapters.sqldir import number
from migsafe.model.migration import History, Migration


class Lineup:
    """Which version of the one history is which of the other.

    `start` is a version of the broken history that stands for all that came before the broken
    migrations (None: it begins with them, or is whole).
    """

    def __init__(self, new: History, broken: History, start: str | None) -> None:
        self.new = new
        self.broken = broken
        self.start = start

    @cached_property
    def part(self) -> tuple[Migration, ...]:
        """What the broken history has of its own: all but what `start` stands for."""
        return self.broken.pending(self.start)

    @cached_property
    def names(self) -> dict[str, str]:
        """Versions of the broken history that the new one has too: broken to new."""
        return {m.revision: same for m in self.part if (same := self._same(m))}

    @cached_property
    def back(self) -> dict[str, str]:
        """The same, new to broken; what `start` stands for is there as well."""
        found = {new: broken for broken, new in self.names.items()}
        if self.start is not None and self.before is not None:
            found[self.before] = self.start
        return found

    @cached_property
    def removed(self) -> tuple[Migration, ...]:
        """Broken migrations that the new history has no more."""
        return tuple(m for m in self.part if m.revision not in self.names)

    @cached_property
    def edited(self) -> tuple[str, ...]:
        """Versions, as the new history calls them, whose file is another one now."""
        return tuple(
            new
            for m in self.part
            if (new := self.names.get(m.revision)) and not _alike(m, self._get(new))
        )

    @cached_property
    def before(self) -> str | None:
        """The version of the new history on which the broken migrations came; None: the first.

        Raises LookupError where nothing tells.
        """
        if self.start is not None and self.new.get(self.start) is not None:
            return self.start
        first = self.part[0]
        if first.revision in self.names:
            return self._predecessor(self.names[first.revision])
        for parent in first.parents:
            if self.new.get(parent) is not None:
                return parent
        return self._below(first.revision)

    def place(self, version: str | None) -> str | None:
        """The new history's version of a database at this broken one.

        A version that the new history has no more is where its files would stand: after what is
        older. Raises LookupError where nothing tells.
        """
        if version is None or version == self.start:
            return self.before
        if version in self.names:
            return self.names[version]
        at = next(i for i, m in enumerate(self.part) if m.revision == version)
        for earlier in reversed(self.part[:at]):
            if earlier.revision in self.names and number(version) is None:
                return self.names[earlier.revision]
        return self.before if number(version) is None else self._below(version)

    def done(self, version: str | None) -> frozenset[str]:
        """The new history's versions that a database at this broken one has had."""
        if version is None:
            return self._up_to(self.before)
        had = {m.revision for m in self.part} - {m.revision for m in self.broken.pending(version)}
        return self._up_to(self.before) | {self.names[r] for r in had if r in self.names}

    def _up_to(self, version: str | None) -> frozenset[str]:
        left = {m.revision for m in self.new.pending(version)}
        return frozenset(m.revision for m in self.new.migrations if m.revision not in left)

    def _get(self, version: str) -> Migration:
        found = self.new.get(version)
        assert found is not None
        return found

    def _same(self, migration: Migration) -> str | None:
        version = revision_of(self.new, migration.revision)
        if version is not None and self._fits(migration, self._get(version)):
            return version
        # A fixture may number its files anew: their text and their names are left.
        found = list(self._by_text(migration)) or list(self._by_title(migration))
        return found[0] if found else None

    def _fits(self, migration: Migration, other: Migration) -> bool:
        """Is it the same migration, which may have been edited and renamed since?"""
        names = _words(migration.title), _words(other.title)
        renamed = all(names) and self.new.framework == self.broken.framework
        return migration.program or names[0] == names[1] or renamed or _alike(migration, other)

    def _by_text(self, migration: Migration) -> Iterator[str]:
        yield from (m.revision for m in self.new.migrations if _alike(m, migration))

    def _by_title(self, migration: Migration) -> Iterator[str]:
        name = _words(migration.title)
        yield from (m.revision for m in self.new.migrations if name and _words(m.title) == name)

    def _predecessor(self, version: str) -> str | None:
        parents = self._get(version).parents
        return parents[0] if parents else None

    def _below(self, version: str) -> str | None:
        wanted = number(version)
        if wanted is None:
            raise LookupError(version)
        older = [m.revision for m in self.new.migrations if _before(m.revision, wanted)]
        return older[-1] if older else None


def _before(revision: str, wanted: tuple[int, ...]) -> bool:
    found = number(revision)
    return found is not None and found < wanted


def _alike(one: Migration, other: Migration) -> bool:
    """Do they send the same statements? Program code: is it the same text?"""
    if one.program or other.program:
        return one.digest == other.digest
    return [s.sql for s in one.statements] == [s.sql for s in other.statements]


def _words(title: str) -> tuple[str, ...]:
    return tuple("".join(c if c.isalnum() else " " for c in title.lower()).split())
