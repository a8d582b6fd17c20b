"""JUnit XML: a suite for each sampled database and its version, a case for each migration.

A `failure` is a finding that makes the run unsafe, so that the suites are red where the exit code
is 1; other findings stand in `system-out`. An `error` is what could not be checked, `skipped` what
was not run: a check, or a migration behind one that failed. What the text alone shows stands in
the suite "analysis". No times are given but that of the whole run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from migsafe.model.evidence import NotRun
from migsafe.model.finding import Finding
from migsafe.model.report import Report
from migsafe.report import words


@dataclass(frozen=True, slots=True)
class _Case:
    """One test: what failed in it, could not be done, was not run, and what else there is to say.

    `file` is relative to the repository, "" for none.
    """

    name: str
    file: str = ""
    failures: list[tuple[str, str, str]] = field(default_factory=list)  # type, message, text
    errors: list[str] = field(default_factory=list)
    skipped: str = ""
    remarks: list[str] = field(default_factory=list)


def render(report: Report) -> str:
    """The report as XML in ASCII."""
    root = Element("testsuites", name=f"migsafe {report.command}")
    for name, cases in _suites(report):
        if cases:
            _add_suite(root, name, cases)
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    root.set("time", f"{report.seconds:.3f}")
    ElementTree.indent(root)
    text: bytes = ElementTree.tostring(root, encoding="us-ascii", xml_declaration=True)
    return text.decode("ascii") + "\n"


def _suites(report: Report) -> Iterator[tuple[str, list[_Case]]]:
    databases = report.replay.databases if report.replay else ()
    hits: dict[str, list[Finding]] = {database.path: [] for database in databases}
    everywhere: list[Finding] = []
    for finding in report.findings:
        shown_by = [p for p in (finding.blast.samples if finding.blast else ()) if p in hits]
        for found in [hits[path] for path in shown_by] or [everywhere]:
            found.append(finding)
    told: dict[str, str] = {}
    analysis = _Suite(report, "analysis", told)
    yield analysis.name, list(analysis.cases(report.judged, everywhere))
    stops = _stops(report)
    for database in databases:
        name = words.printable(f"{database.path} from {database.version}")
        suite = _Suite(report, name, told, stops.get(database.path, ""))
        yield name, list(suite.cases(database.pending, hits[database.path]))
    yield "hotfix", list(_of_hotfix(report))
    yield "checks", [_of_not_run(n) for n in report.not_run]


def _stops(report: Report) -> dict[str, str]:
    """The migration that each database came no further than."""
    groups = report.replay.groups if report.replay else ()
    return {
        path: group.observation.place.path
        for group in groups
        if group.observation.kind == "raised" and group.observation.place
        for path in group.samples
    }


@dataclass(frozen=True, slots=True)
class _Suite:
    """What makes the cases of one suite.

    `told` are the fingerprints of the findings that were told in full, each with its suite; `stop`
    is the migration that the database came no further than.
    """

    report: Report
    name: str
    told: dict[str, str]
    stop: str = ""

    def cases(self, migrations: Iterable[str], findings: Iterable[Finding]) -> Iterator[_Case]:
        """A case for each migration, and for each other file that something is found in."""
        cases = {path: _of_file(self.report, path) for path in migrations}
        reached = list(cases).index(self.stop) if self.stop in cases else len(cases)
        for finding in findings:
            self._put(cases.setdefault(finding.path, _of_file(self.report, finding.path)), finding)
        for number, case in enumerate(cases.values()):
            behind = reached < number and not case.failures
            why = f"not reached: {words.printable(self.stop)} failed"
            yield _Case(case.name, case.file, skipped=why) if behind else case

    def _put(self, case: _Case, finding: Finding) -> None:
        place = f"{case.name}:{finding.line}"
        message = f"{finding.severity}: {words.printable(finding.message)}"
        remark = f"{place} {finding.rule}: {message}"
        if self.report.fails(finding):
            case.failures.append((finding.rule, message, self._text(place, finding)))
        elif finding.open:
            case.remarks.append(remark)
        else:
            case.remarks.append(f"{remark} ({words.why_not(finding)})")

    def _text(self, place: str, finding: Finding) -> str:
        """The finding in full where it is told first: thousands of databases may show it."""
        before = self.told.setdefault(finding.fingerprint, self.name)
        if before != self.name:
            return f"{place} {finding.rule}: told at {before}"
        return "\n".join(_told(place, finding))


def _of_file(report: Report, path: str) -> _Case:
    return _Case(words.printable(path), words.printable(words.placed(report, path)))


def _told(place: str, finding: Finding) -> Iterator[str]:
    yield f"{place} {finding.rule}"
    if finding.source:
        yield words.printable(finding.source)
    yield from words.said(finding)
    first, rest = words.remedy(finding)
    if first:
        yield f"instead: {first}"
    yield from (f"    {line}" for line in rest.splitlines())
    yield f"more: migsafe rules explain {finding.rule}"


def _of_hotfix(report: Report) -> Iterator[_Case]:
    for whose, trouble in words.troubles(report):
        case = _Case(words.printable(f"{whose}: {trouble.what}"))
        names = "\n".join(map(words.printable, trouble.databases))
        sentence = words.printable(trouble.sentence)
        if trouble.severity >= report.fail_on:
            case.failures.append((trouble.what, f"{trouble.severity}: {sentence}", names))
        else:
            case.remarks.append(f"{trouble.severity}: {sentence}")
        yield case


def _of_not_run(item: NotRun) -> _Case:
    name, why = words.printable(item.what), words.printable(item.why)
    return _Case(name, errors=[why]) if item.failed else _Case(name, skipped=why)


# -- XML ------------------------------------------------------------------------------------------


def _add_suite(root: Element, name: str, cases: list[_Case]) -> None:
    suite = SubElement(root, "testsuite", name=name, tests=str(len(cases)))
    failed = [bool(c.failures) for c in cases]
    suite.set("failures", str(sum(failed)))
    suite.set("errors", str(sum(bool(c.errors) for c in cases)))
    suite.set("skipped", str(sum(bool(c.skipped) for c in cases)))
    for case in cases:
        _add_case(suite, name, case)


def _add_case(suite: Element, classname: str, case: _Case) -> None:
    element = SubElement(suite, "testcase", classname=classname, name=case.name)
    if case.file:
        element.set("file", case.file)
    if case.failures:
        # One element: readers of JUnit take the first and pass over the others.
        kind, message, _ = case.failures[0]
        more = f" (and {len(case.failures) - 1} more)" if len(case.failures) > 1 else ""
        failure = SubElement(element, "failure", type=kind, message=message + more)
        failure.text = "\n\n".join(text for _, _, text in case.failures)
    for error in case.errors:
        SubElement(element, "error", type="could not check", message=error)
    if case.skipped:
        SubElement(element, "skipped", message=case.skipped)
    if case.remarks:
        SubElement(element, "system-out").text = "\n".join(case.remarks)
