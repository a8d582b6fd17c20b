"""As many values hidden as the failure allows; what cannot be is named, never shown."""

from __future__ import annotations

from migsafe.model.content import Content
from migsafe.model.migration import Dialect
from migsafe.sampling.hide import hiding

ROWS = (
    Content("person", ("id", "name", "code"), ((1, "Mustermann", "alpha"), (2, "Beta", "gamma"))),
    Content("note", ("person", "text"), ((1, "by Mustermann"), (2, "nothing new"))),
)


def hidden(fails, *, keep_data=False, texts=()):
    return hiding(texts, Dialect.SQLITE, b"the sample", keep_data=keep_data).hide(ROWS, fails)


def test_everything_is_hidden_where_nothing_matters():
    seen = hidden(lambda _: True)
    assert seen.failure_kept
    assert (seen.columns, seen.originals_left, seen.refused) == (3, 0, ())
    assert seen.classes_kept == (10, 10)
    assert seen.contents[1].rows[0][1].endswith(seen.contents[0].rows[0][1])


def test_a_column_whose_very_values_matter_is_refused_and_all_others_are_hidden():
    seen = hidden(lambda rows: rows[0].column("code")[0] == "alpha")
    assert seen.failure_kept
    assert seen.refused == (("person", "code"),)
    assert seen.contents[0].column("code")[0] == "alpha"
    assert "Mustermann" not in repr(seen.contents)
    assert seen.originals_left == 2


def test_a_column_whose_order_matters_gets_other_values_in_that_order():
    def fails(rows):
        first, second = rows[0].column("code")
        return first < second < "h" and len(first) == 5

    seen = hidden(fails)
    assert seen.failure_kept
    assert seen.refused == ()
    assert not {"alpha", "gamma"} & set(seen.contents[0].column("code"))


def test_a_failure_that_does_not_come_again_is_said_and_still_nothing_shows():
    seen = hidden(lambda _: False)
    assert not seen.failure_kept
    assert seen.originals_left == 0


def test_rows_with_nothing_to_hide_are_left_alone():
    rows = (Content("t", ("id", "state"), ((1, "pending"), (2, None))),)
    seen = hiding(["UPDATE t SET state = 'pending'"], Dialect.SQLITE, b"x").hide(
        rows, lambda _: True
    )
    assert seen.contents == rows
    assert (seen.columns, seen.values) == (0, 0)
