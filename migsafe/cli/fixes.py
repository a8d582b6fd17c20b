"""`migsafe lint --fix` and `--diff`: try rewrites one after another, and keep those that hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from migsafe import adapters
from migsafe.analyse import analyse
from migsafe.cli.judging import judge
from migsafe.cli.project import Project, Request, focus, open_project
from migsafe.effects.versions import oldest
from migsafe.errors import MigsafeError, UsageError
from migsafe.fix import ORDER, Proposal, Refused, Target, propose
from migsafe.fix.files import Files
from migsafe.fix.verify import Judged, objection
from migsafe.model.evidence import Step
from migsafe.model.finding import Finding
from migsafe.model.migration import Dialect
from migsafe.model.report import Rewrite
from migsafe.model.rule import Fix, Needs, Rule

Group = tuple[Fix, tuple[Finding, ...]]


@dataclass(frozen=True, slots=True)
class Fixed:
    """The files with all rewrites that hold, and what became of each finding."""

    files: Files
    rewrites: tuple[Rewrite, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """The projects to judge after all, what became of the findings, and the change as a diff."""

    projects: tuple[Project, ...]
    rewrites: tuple[Rewrite, ...]
    diff: str


def rewrite(
    projects: tuple[Project, ...], names: tuple[str, ...], request: Request, *, write: bool
) -> Result:
    """Rewrite what can be; `write` False: on paper only, so that the projects stay as they are.

    Raises UsageError for standard input, and for a file that cannot be written.
    """
    if request.stdin is not None:
        raise UsageError("--fix and --diff take files, not standard input")
    found = [fix(project, names, request) for project in projects]
    if write:
        for fixed in found:
            fixed.files.write()
        projects = tuple(open_project(p.config, p.migrations, request) for p in projects)
    rewrites = tuple(r for fixed in found for r in fixed.rewrites)
    return Result(projects, rewrites, "".join(fixed.files.diff() for fixed in found if not write))


def refusals(rewrites: tuple[Rewrite, ...]) -> Iterator[str]:
    """A line for each finding that stays."""
    for r in rewrites:
        if not r.done:
            yield f"not fixed: {r.path}:{r.line} {r.rule} ({r.what})"


def fix(project: Project, names: tuple[str, ...], request: Request) -> Fixed:
    """Rewrite what is not released: the migrations that are named, else the newest one.

    Nothing is written to disk here.
    """
    chosen, _ = focus(project, names)
    mine = chosen if names else {project.history.head}
    released = {r.revision: r.version for r in project.history.released}
    fixer = _Fixer(project, request, mine - _applied(project) - released.keys())
    fixer.released = {r: released[r] for r in mine & released.keys()}
    return fixer.run(chosen)


def _applied(project: Project) -> set[str]:
    """The revisions that some sampled database has had."""
    settings, history = project.config, project.history
    folder = settings.samples.path
    if folder is None or history.dialect is not Dialect.SQLITE:
        return set()
    # Replay's modules are not for the path of a plain `lint`.
    from migsafe.replay import samples  # noqa: PLC0415

    root = settings.root
    found, _ = samples.load(root / folder, root, history, adapters.revision_of)
    everything = {m.revision for m in history.migrations}
    had = (everything - {m.revision for m in history.pending(s.revision)} for s in found)
    return set().union(*had)


class _Fixer:
    def __init__(self, project: Project, request: Request, mine: set[str]) -> None:
        self.project = project
        self.request = request
        self.mine = mine
        self.rules: tuple[Rule, ...] = project.rules()
        self.fixes = {r.id: r.fix for r in self.rules if r.fix}
        self.files = Files(project.config.root)
        self.known = {m.revision for m in project.history.migrations}
        self.tried: set[tuple[Fix, tuple[str, ...]]] = set()
        self.rewrites: list[Rewrite] = []
        self.refused: dict[tuple[str, str], Rewrite] = {}
        self.released: dict[str, str] = {}  # those that were asked for, with their version

    def run(self, chosen: set[str]) -> Fixed:
        judged = self._judge(self.project, chosen)
        self._pass_over(judged.findings)
        while (group := self._next(judged.findings)) is not None:
            self.tried.add(_key(group))
            try:
                judged = self._attempt(group, judged)
            except Refused as refusal:
                self._refuse(group, str(refusal))
        rest = {(f.rule, f.fingerprint) for f in judged.findings}
        left = (r for key, r in self.refused.items() if key in rest)
        return Fixed(self.files, (*self.rewrites, *left))

    def _judge(self, project: Project, chosen: set[str]) -> Judged:
        evidence = analyse(project.history, chosen, project.runner, project.settings())
        of_rows = frozenset(r.id for r in self.rules if r.needs is Needs.DATA)
        return Judged(evidence, judge(project, self.rules, evidence).findings, of_rows)

    def _fixable(self, findings: tuple[Finding, ...]) -> Iterator[Finding]:
        return (f for f in findings if f.rule in self.fixes and not f.suppressed)

    def _pass_over(self, findings: tuple[Finding, ...]) -> None:
        """Say of the migrations that must stay as they are, how much could be rewritten there."""
        others = [f for f in self._fixable(findings) if f.revision not in self.mine]
        for f in (f for f in others if f.revision in self.released):
            why = f"released in {self.released[f.revision]}: only a new migration can mend it"
            self.refused[f.rule, f.fingerprint] = _told(f, why, done=False)
        others = [f for f in others if not f.released]
        if others:
            more = f"; so are {len(others) - 1} more findings" if len(others) > 1 else ""
            why = f"not in the newest migration, nor in a file that is named{more}"
            told = _told(others[0], why, done=False)
            self.refused[others[0].rule, others[0].fingerprint] = told

    def _next(self, findings: tuple[Finding, ...]) -> Group | None:
        """The next group of findings to try: all of a file with the same fix, then one by one."""
        by_group: dict[tuple[int, str, str], list[Finding]] = {}
        for f in self._fixable(findings):
            if f.revision in self.mine:
                key = (ORDER.index(self.fixes[f.rule]), f.path, "")
                by_group.setdefault(key, []).append(f)
                by_group.setdefault((*key[:2], f.fingerprint), []).append(f)
        groups = ((ORDER[k[0]], tuple(fs)) for k, fs in sorted(by_group.items()))
        return next((g for g in groups if _key(g) not in self.tried), None)

    def _attempt(self, group: Group, before: Judged) -> Judged:
        """The history with this rewrite. Raises Refused where the rewrite does not hold."""
        fix, findings = group
        proposal = propose(fix, self._target(findings, before))
        files = self.files.rewritten(proposal)
        after, project = self._reread(files, before)
        why = objection(before, after, findings)
        if why:
            raise Refused(why)
        self.files, self.project = files, project
        self._keep(findings, proposal)
        return after

    def _reread(self, files: Files, before: Judged) -> tuple[Judged, Project]:
        request = replace(self.request, texts=files.changed)
        try:
            project = open_project(self.project.config, self.project.migrations, request)
        except MigsafeError as error:
            raise Refused(f"the rewritten file cannot be read: {error.message}") from error
        added = {m.revision for m in project.history.migrations} - self.known
        return self._judge(project, set(before.evidence.focus) | added), project

    def _target(self, findings: tuple[Finding, ...], judged: Judged) -> Target:
        history = judged.evidence.history
        migration = history.get(findings[0].revision)
        assert migration is not None
        steps = tuple(s for s in judged.evidence.steps if s.revision == migration.revision)
        guilty = tuple((f, s) for f in findings for s in _guilty(f, steps))
        if not guilty:
            raise Refused("its statement is not found in the file")
        version = oldest(history.dialect, self.project.config.engine.oldest or "").number
        return Target(history, migration, steps, guilty, self.files.read, version)

    def _keep(self, findings: tuple[Finding, ...], proposal: Proposal) -> None:
        self.rewrites += [_told(f, proposal.what, done=True) for f in findings]
        for path, _ in proposal.new:
            added = (m for m in self.project.history.migrations if m.path == path)
            self.mine |= {m.revision for m in added}

    def _refuse(self, group: Group, why: str) -> None:
        for finding in group[1]:
            told = _told(finding, why, done=False)
            self.refused[finding.rule, finding.fingerprint] = told


def _key(group: Group) -> tuple[Fix, tuple[str, ...]]:
    return group[0], tuple(sorted(f.fingerprint for f in group[1]))


def _guilty(finding: Finding, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The statement that covers the finding's line; of several, the one that begins there."""
    covering = [s for s in steps if s.statement.span.covers(finding.line)]
    exact = [s for s in covering if s.statement.span.column == finding.column]
    return tuple((exact or covering)[:1])


def _told(finding: Finding, what: str, *, done: bool) -> Rewrite:
    return Rewrite(finding.rule, finding.path, finding.line, what, done)
