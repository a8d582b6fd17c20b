"""Annotations: commands that the runner of GitHub Actions reads back as they were meant."""

from __future__ import annotations

import re
from dataclasses import replace

from migsafe.model.report import Report
from migsafe.report import github
from tests.report.reports import (
    BLOCKER,
    HOSTILE,
    HOSTILE_REPORT,
    HOTFIX,
    NEW,
    REPORT,
    WARNING,
    many,
)

COMMAND = re.compile(r"::(?P<kind>error|warning|notice) (?P<properties>.*?)::(?P<message>.*)")


def commands(report: Report) -> list[tuple[str, dict[str, str], str]]:
    """The commands as a runner reads them: kind, properties, message."""
    found = []
    for line in github.render(report).splitlines():
        match = COMMAND.fullmatch(line)
        if match:
            pairs = (p.partition("=") for p in match["properties"].split(","))
            properties = {name: unescaped(value) for name, _, value in pairs}
            found.append((match["kind"], properties, unescaped(match["message"])))
    return found


def unescaped(text: str) -> str:
    for mark, character in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r")):
        text = text.replace(mark, character)
    return text.replace("%25", "%")


def test_the_worst_first_and_what_does_not_count_not_at_all():
    assert [(k, p["title"], p.get("line")) for k, p, _ in commands(REPORT)] == [
        ("error", "migsafe could not check", None),
        ("error", "blocker: unique-over-duplicates", "12"),
        ("error", "error: scans", "20"),
        ("warning", "warning: odd", "1"),
    ]
    _, properties, message = commands(REPORT)[1]
    assert properties["file"] == f"backend/app/{NEW}"
    assert (properties["endLine"], properties["col"]) == ("12", "3")
    assert message.splitlines()[-3:] == [
        "instead: Merge them first:",
        "    DELETE FROM users WHERE id > 1;",
        "more: migsafe rules explain unique-over-duplicates",
    ]


def test_the_rest_is_plain_text():
    plain = [x for x in github.render(REPORT).splitlines() if not x.startswith("::")]
    assert plain == [
        "not run: invariants (none configured: [launch] invariants)",
        f"note: allow scans ({NEW}:29: it ends on 2027-01-01, in 3 days)",
        "unsafe: 1 blocker, 1 error, 1 warning",
    ]


def test_no_more_than_ten_of_a_kind():
    warnings = tuple(replace(WARNING, line=n) for n in range(1, 10))
    found = commands(replace(many(13), findings=(*many(13).findings, *warnings)))
    assert [k for k, _, _ in found] == ["error"] * 10 + ["warning"] * 9
    assert found[9][1:] == ({"title": "migsafe"}, "4 more in the summary")
    assert [p["line"] for _, p, _ in found[:9]] == [str(n) for n in range(1, 10)]


def test_the_hotfix_fails_in_public():
    kind, properties, message = commands(replace(REPORT, fix_for=HOTFIX, not_run=()))[0]
    assert (kind, message) == ("error", "rows are lost (1 database)")
    assert properties == {"title": "migsafe: the hotfix on databases updated and broken"}


def test_no_text_can_end_its_command_or_begin_another():
    lines = github.render(HOSTILE_REPORT).splitlines()
    assert all(COMMAND.fullmatch(x) or not x.lstrip().startswith("::") for x in lines)
    assert not any("##[" in x for x in lines)
    assert all(x.isprintable() for x in lines)
    told = commands(HOSTILE_REPORT)
    assert len(told) == 3
    _, properties, message = told[2]
    assert properties["file"] == f"backend/app/{HOSTILE.path}"
    assert "%0A ]]>" in message


def test_a_percent_sign_survives():
    (found,) = commands(replace(REPORT, findings=(replace(BLOCKER, message="100%0A"),), not_run=()))
    assert found[2].startswith("100%0A\n")
