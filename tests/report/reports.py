"""Reports that the tests of several formats write down."""

from __future__ import annotations

from dataclasses import replace

from migsafe.model.evidence import NotRun
from migsafe.model.finding import Finding, Stage, Suppression
from migsafe.model.fix_for import FixFor, Kind, Population, Trouble
from migsafe.model.outcome import Blast, Failure, Observation, Place
from migsafe.model.report import Conclusion, Database, Note, ReplaySummary, Report
from migsafe.model.rule import Confidence, Severity

OLD, NEW = "migrations/0001_a.sql", "migrations/0002_b.sql"
BLAST = Blast(2, 3, 2 / 3, 0.2, 0.94, (("base", 1, 1), ("0001", 1, 2)), ("s/a.db", "s/b.db"))
BLOCKER = Finding(
    "unique-over-duplicates",
    Severity.BLOCKER,
    Confidence.HIGH,
    "UNIQUE constraint failed: users.email",
    NEW,
    12,
    3,
    Stage.REPLAY,
    "f0",
    title="a unique index over duplicates",
    remedy="\nMerge them first:\n    DELETE FROM users WHERE id > 1;\n",
    revision="0002",
    source="CREATE UNIQUE INDEX u ON users (email)",
    detail=("two rows with the same value",),
    blast=BLAST,
    launch=True,
)
ERROR = replace(
    BLOCKER,
    rule="scans",
    severity=Severity.ERROR,
    confidence=Confidence.MEDIUM,
    fingerprint="f1",
    stage=Stage.ANALYSE,
    message="reads every row",
    line=20,
    blast=None,
    launch=False,
)
WARNING = replace(ERROR, rule="odd", severity=Severity.WARNING, fingerprint="f2", line=1)
NOTE = replace(ERROR, rule="remark", severity=Severity.NOTE, fingerprint="f3", line=2)
ALLOWED = replace(
    ERROR,
    fingerprint="f4",
    line=30,
    suppressed=Suppression("scans", NEW, 29, (29, 30), "a cache", "2027-01-01"),
)
RELEASED = replace(ERROR, fingerprint="f5", path=OLD, line=5, released="4.1.0")
BASELINED = replace(ERROR, fingerprint="f6", line=40, baselined="2026-01-02")
FAILURE = Failure(
    Observation("raised", Place(NEW, 12), error="UNIQUE constraint failed: users.email"),
    ("s/a.db", "s/b.db"),
    BLAST,
    True,
    2,
    9,
)
LAST = "migrations/0003_c.sql"
REPLAY = ReplaySummary(
    cases=7,
    failed=2,
    samples=3,
    revisions=2,
    seconds=0.25,
    groups=(FAILURE,),
    databases=(
        Database("s/a.db", "base", (OLD, NEW, LAST)),
        Database("s/b.db", "0001", (NEW, LAST)),
        Database("s/c.db", "0001", (NEW, LAST)),
    ),
)
REPORT = Report(
    "check",
    Conclusion.UNSAFE,
    (BLOCKER, ERROR, WARNING, NOTE, ALLOWED, RELEASED, BASELINED),
    (
        NotRun("samples/x.db", "it is no database", failed=True),
        NotRun("invariants", "none configured: [launch] invariants"),
    ),
    Severity.ERROR,
    3,
    9,
    "numbered",
    "sqlite",
    REPLAY,
    1.5,
    notes=(Note("allow scans", f"{NEW}:29: it ends on 2027-01-01, in 3 days"),),
    judged=(OLD, NEW, LAST),
    where="backend/app",
)
HOTFIX = FixFor(
    "INC-1",
    (
        Population(
            Kind.BROKEN,
            2,
            1,
            troubles=(Trouble("rows", "rows are lost", Severity.BLOCKER, ("s/a.db",)),),
        ),
    ),
)

NASTY = (
    "a\n::error::b %0A ]]> </pre></script><script>x</script> | `c` ``` "
    "[link](https://h.example) @everyone \x1b[31m \x00 \udcff \u202e ##[error]d & $x$ **e** "
    "<!-- -->"
)
HOSTILE = replace(
    BLOCKER,
    message=NASTY,
    detail=(NASTY, "```"),
    source=f"{NASTY}```",
    remedy=f"{NASTY}\n    ```\n    {NASTY}",
    path="migrations/0002 a,b:c%d\n|`#ü.sql",
    title=NASTY,
)
HOSTILE_REPORT = replace(
    REPORT,
    findings=(HOSTILE, replace(HOSTILE, released=NASTY)),
    not_run=(NotRun(NASTY, NASTY), NotRun(NASTY, NASTY, failed=True)),
    notes=(Note(NASTY, NASTY),),
    judged=(HOSTILE.path,),
    replay=replace(
        REPLAY,
        groups=(replace(FAILURE, observation=Observation("raised", error=NASTY)),),
        databases=(Database(NASTY, NASTY, (HOSTILE.path,)),),
    ),
    fix_for=replace(HOTFIX, incident=NASTY),
)


def many(number: int, finding: Finding = ERROR) -> Report:
    """A report with so many findings, each with a fingerprint and a line of its own."""
    found = (replace(finding, line=n, fingerprint=f"m{n}") for n in range(1, number + 1))
    return replace(REPORT, findings=tuple(found), not_run=(), notes=())
