"""Edits of texts, and the objections that keep a rewrite from being written."""

from __future__ import annotations

import pytest

from migsafe.analyse import Runner, analyse
from migsafe.fix.files import Files
from migsafe.fix.target import Edit, Proposal, Refused, apply
from migsafe.fix.verify import Judged, objection
from migsafe.model.migration import Dialect, History, Migration
from migsafe.sql.split import split


def test_edits_of_one_file_do_not_move_each_other():
    edits = (Edit("a", 0, 1, "xyz"), Edit("a", 2, 3, ""), Edit("a", 5, 5, "!"))
    assert apply(edits, {"a": "01234"}) == {"a": "xyz134!"}


def test_new_lines_end_as_the_file_does():
    assert apply((Edit("a", 0, 0, "x\n"),), {"a": "1\r\n2\n"}) == {"a": "x\r\n1\r\n2\n"}
    assert apply((Edit("a", 0, 0, "x\n"),), {"a": "1\n2\r\n"}) == {"a": "x\n1\n2\r\n"}


def test_nothing_outside_of_the_project_is_rewritten(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    (tmp_path / "other.sql").write_text("SELECT 1;\n")
    with pytest.raises(Refused, match="outside of the project"):
        Files(root).rewritten(Proposal("", (Edit("../other.sql", 0, 0, "x"),)))


def judged(sql: str) -> Judged:
    base = "CREATE TABLE t (id bigint PRIMARY KEY, c int);"
    texts = {"1": base, "2": sql}
    made = (
        Migration(
            r, f"{r}.sql", (str(int(r) - 1),) if r > "1" else (), r, split(t, Dialect.POSTGRES)
        )
        for r, t in texts.items()
    )
    history = History(Dialect.POSTGRES, "numbered", tuple(made), transactional=False)
    settings = {"today": "2027-01-01", "engine_oldest": "14"}
    return Judged(analyse(history, {"1", "2"}, Runner(None, False, "stop"), settings), ())


@pytest.mark.parametrize(
    ("after", "why"),
    [
        ("CREATE INDEX CONCURRENTLY i ON t (c);", ""),
        ("SET lock_timeout = '2s'; CREATE INDEX i ON t (c);", ""),
        ("CREATE INDEX CONCURRENTLY i ON t (id);", "the schema at the end would be another"),
        ("CREATE INDEX i ON t (c); UPDATE t SET c = 1;", "not read as the same operations"),
        ("CREATE INDEX i ON t (c); FROBNICATE t;", "the schema at the end would be another"),
    ],
)
def test_a_rewrite_must_do_the_same(after, why):
    said = objection(judged("CREATE INDEX i ON t (c);"), judged(after), ())
    assert why in said
    assert bool(said) == bool(why)
