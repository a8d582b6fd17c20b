"""Allow comments as they are read: every shape, its fault, and the lines it speaks for."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migsafe.facts.suppressions import Judged, judged
from migsafe.model.migration import Migration, Span, Statement

TODAY = date(2026, 6, 1)


def one(text: str, line: int = 3) -> Judged:
    statements = tuple(
        Statement("SELECT 1", Span("m.sql", first, 1, last, 9)) for first, last in ((1, 2), (5, 8))
    )
    migration = Migration("1", "m.sql", statements=statements, comments=((line, text),))
    (found,) = judged(migration, TODAY)
    return found


def test_every_part_of_a_good_comment():
    found = one('migsafe: allow some-rule-2 until=2026-06-01 reason="it\'s known: see #7"')
    assert found.holds
    s = found.suppression
    assert (s.rule, s.reason, s.until, s.path, s.line) == (
        "some-rule-2",
        "it's known: see #7",
        "2026-06-01",
        "m.sql",
        3,
    )


@pytest.mark.parametrize(
    ("line", "lines"),
    [(1, (1, 2)), (2, (1, 2)), (3, (3, 8)), (4, (4, 8)), (6, (5, 8)), (8, (5, 8)), (9, (9, 9))],
)
def test_the_lines_it_speaks_for(line, lines):
    assert one("migsafe: allow x reason=y", line).suppression.lines == lines


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("migsafe: allow x", 'it gives no reason="..."'),
        ("migsafe: allow x reason='two words'", 'cannot read "words\'"'),
        ('migsafe: allow x reason="open', "cannot read"),
        ("migsafe: allow x reason=y until=2026-6-1", "until=2026-6-1 is not a date"),
        ("migsafe: allow x reason=y until=2026-W01-1", "until=2026-W01-1 is not a date"),
        ("migsafe: allow x reason=y until=20261231", "until=20261231 is not a date"),
        ('migsafe: allow x reason=y until=""', "until= is not a date"),
        ("migsafe: allow x reason=y reason=z", "reason stands twice"),
        ("migsafe: allow x reason=y owner=z", "unknown option owner"),
        ("migsafe: allow X reason=y", "it names no rule"),
        ("migsafe: allow x-- reason=y", "it names no rule"),
        ("migsafe: allow", "it names no rule"),
        ("migsafe: forbid x", "unknown word forbid, expected allow"),
    ],
)
def test_the_first_fault_is_named(text, fault):
    found = one(text)
    assert not found.holds
    assert found.fault.startswith(fault)


def test_expired_is_no_fault_and_holds_no_more():
    found = one("migsafe: allow x until=2026-05-31 reason=y")
    assert (found.fault, found.expired, found.holds) == ("", True, False)


def test_a_word_alone_says_nothing_to_us():
    migration = Migration("1", "m.sql", comments=((1, "migsafe:"), (2, "migsafe is a tool")))
    assert list(judged(migration, TODAY)) == []


@given(st.text(max_size=60))
def test_any_text_is_judged_without_an_error(text):
    migration = Migration("1", "m.sql", comments=((1, f"migsafe: allow {text}"),))
    for found in judged(migration, TODAY):
        assert found.holds != bool(found.fault or found.expired)
        if found.holds:
            assert found.suppression.rule
            assert found.suppression.reason.strip()
