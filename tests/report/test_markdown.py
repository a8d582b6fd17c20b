"""Markdown: what a job summary shows, what GitHub takes, and nothing that breaks out."""

from __future__ import annotations

from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from migsafe.report import markdown
from tests.report.reports import (
    BLOCKER,
    HOSTILE,
    HOSTILE_REPORT,
    HOTFIX,
    NEW,
    REPORT,
    many,
)


def test_the_verdict_the_tables_and_the_findings():
    lines = markdown.render(REPORT).splitlines()
    assert lines[:3] == [
        "## migsafe check: unsafe: 1 blocker, 1 error, 1 warning",
        "",
        "checked 3 pending migrations on 3 old databases of 2 versions: 7 replays in 0.2 s",
    ]
    assert (
        f"| **blocker** | `backend/app/{NEW}:12` | `unique-over-duplicates` | "
        "UNIQUE constraint failed: users.email | the app would not start on 2 of 3 sampled "
        "databases (base: 1 of 1, 0001: 1 of 2) |"
    ) in lines
    assert f"| warning | `backend/app/{NEW}:1` | `odd` | reads every row |  |" in lines
    assert lines[lines.index("| from version | old databases | the app would not start on |") :][
        2:4
    ] == ["| base | 1 | 1 |", "| 0001 | 2 | 1 |"]
    at = lines.index("Instead: Merge them first:")
    assert lines[at + 2 : at + 5] == ["```sql", "DELETE FROM users WHERE id > 1;", "```"]
    assert "- samples/x.db (it is no database)" in lines
    assert "- invariants (none configured: \\[launch\\] invariants)" in lines
    assert "1 note: `migsafe check -v` shows them" in lines
    folded = lines[lines.index("<details><summary>Does not count (3)</summary>") :]
    assert sum(x.startswith("- ") for x in folded) == 3


def test_lint_has_no_table_of_versions():
    text = markdown.render(replace(REPORT, command="lint", replay=None, findings=()))
    assert "from version" not in text
    assert "| severity" not in text


def test_the_hotfix_comes_first():
    lines = markdown.render(replace(REPORT, fix_for=HOTFIX)).splitlines()
    at = lines.index("the hotfix for INC-1 meets")
    assert lines[at + 1] == "  updated and broken: 1 of 2 databases fails"


def test_what_is_left_out_is_counted():
    text = markdown.render(many(60))
    assert text.count("\n### error") == 20
    assert "\n40 more: in the table, or in the log\n" in text


@pytest.mark.parametrize("number", [1, 300])
def test_it_is_never_too_long_for_a_job_summary(number):
    long = replace(BLOCKER, message="\U0001f600" * 9_000, detail=("`" * 9_000,) * 400)
    text = markdown.render(
        replace(many(number, long), not_run=REPORT.not_run * 9_000, notes=REPORT.notes * 9_000)
    )
    assert len(text.encode()) <= markdown.MOST_BYTES
    assert text.count("```") % 2 == 0
    assert text.startswith("## migsafe check")
    assert "**Not run (9,000)**" in text


def test_no_text_becomes_markup():
    text = markdown.render(HOSTILE_REPORT)
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    for mark in ("<script", "<a ", "<strong>e", "<em>", "</pre></script>"):
        assert mark not in page
    assert "@everyone" not in page.replace("<code", "\0").split("\0")[0]
    assert "\\x1b" in page
    # The table keeps its columns, and every block of code ends where it should.
    assert page.count("<td") == 5 + 3
    assert page.count("<h3>") == 1
    assert "::error::b" in page
    assert all(x.isprintable() for x in text.splitlines())


@pytest.mark.parametrize("start", ["# ", "- ", "1. ", "+ ", "   ", "> ", "=== ", "| ", "* "])
def test_no_line_becomes_another_block(start):
    told = replace(HOSTILE, message=f"{start}x", detail=(f"{start}y",), source="", path="a")
    report = replace(REPORT, findings=(told,), not_run=(), notes=())
    page = MarkdownIt("commonmark").enable("table").render(markdown.render(report))
    assert "<li>" not in page
    assert "<blockquote>" not in page
    assert (page.count("<h1>"), page.count("<h2>"), page.count("<h3>")) == (0, 1, 1)


def test_a_remedy_is_told_once():
    text = markdown.render(REPORT)
    assert text.count("Instead: Merge them first:") == 1
    assert text.count(f"Instead: as at `backend/app/{NEW}:12`") == 2
