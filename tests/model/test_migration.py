"""The order of a history, and what a database at some revision has still to run."""

from __future__ import annotations

import pickle
from itertools import permutations

import pytest

from migsafe.errors import BrokenHistory, UnreadableSample
from migsafe.model.migration import Dialect, History, Migration, Span, ordered
from migsafe.model.rule import Needs, Severity
from migsafe.model.schema import Column, Schema, Table


def made(*edges: tuple[str, tuple[str, ...]]) -> list[Migration]:
    return [Migration(name, f"{name}.py", parents) for name, parents in edges]


DIAMOND = made(("a", ()), ("b", ("a",)), ("c", ("a",)), ("d", ("b", "c")))


def test_parents_come_before_children_whatever_the_order_of_files():
    for shuffled in permutations(DIAMOND):
        found = [m.revision for m in ordered(list(shuffled))]
        assert (found[0], found[-1]) == ("a", "d")
        assert sorted(found) == ["a", "b", "c", "d"]


def test_pending_is_what_no_ancestor_brought():
    history = History(Dialect.SQLITE, "alembic", ordered(DIAMOND))
    assert history.head == "d"
    assert len(history.pending(None)) == 4
    assert {m.revision for m in history.pending("b")} == {"c", "d"}
    assert history.pending("d") == ()
    assert history.get("zzz") is None
    with pytest.raises(KeyError):
        history.pending("zzz")


@pytest.mark.parametrize(
    ("edges", "sentence"),
    [
        ((("a", ()), ("a", ())), "revision a exists twice"),
        ((("a", ("gone",)),), "gone"),
        ((("a", ("b",)), ("b", ("a",))), "circle"),
        ((("a", ("a",)),), "circle"),
        ((("a", ()), ("b", ("a",)), ("c", ("a",))), "2 heads"),
        ((("a", ()), ("b", ())), "2 heads"),
    ],
)
def test_a_history_that_forms_no_line(edges, sentence):
    with pytest.raises(BrokenHistory, match=sentence) as caught:
        ordered(made(*edges))
    assert caught.value.place
    assert caught.value.hint


def test_a_long_history_needs_no_deep_stack():
    names = [f"{n:05}" for n in range(5_000)]
    parents = [(), *((name,) for name in names)]
    chain = [Migration(n, f"{n}.sql", p) for n, p in zip(names, parents, strict=False)]
    history = History(Dialect.SQLITE, "numbered", ordered(chain[::-1]))
    assert history.head == names[-1]
    assert len(history.pending(names[4_990])) == 9


def test_a_span_covers_its_lines():
    assert [line for line in range(1, 8) if Span("x", 3, 1, 5, 2).covers(line)] == [3, 4, 5]
    assert [line for line in range(1, 8) if Span("x", 3).covers(line)] == [3]


def test_scales_are_ordered_and_read_back():
    assert [str(s) for s in sorted(Severity)] == ["note", "warning", "error", "blocker"]
    assert [str(n) for n in sorted(Needs)] == ["statements", "schema", "data", "outcomes"]
    assert all(Severity.parse(str(s)) is s for s in Severity)
    with pytest.raises(KeyError):
        Needs.parse("luck")


def test_names_are_found_whatever_their_case():
    table = Table("Users", (Column("Id", primary_key=2), Column("Kind", primary_key=1)))
    assert Schema({"users": table}).table("USERS") is table
    assert table.column("ID") == table.columns[0]
    assert table.column("none") is None
    assert table.primary_key == ("Kind", "Id")


def test_errors_cross_process_borders_whole():
    error = UnreadableSample("it is cut", place="a.db", hint="copy it again")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is UnreadableSample
    assert (copy.message, copy.place, copy.hint) == (error.message, error.place, error.hint)
    assert copy.exit_code == 4
