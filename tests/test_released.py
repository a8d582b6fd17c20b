"""The release lock as a file: what it says, what it survives, and what it refuses."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migsafe import released
from migsafe.errors import ConfigError
from migsafe.model.migration import Dialect, History, Migration
from migsafe.model.release import State
from migsafe.released import Entry

SHA = {text: released.digest(text) for text in "abcdef"}


def entry(name: str, text: str = "a", version: str = "1.0") -> Entry:
    return Entry(f"migrations/{name}.sql", name, SHA[text], version)


def write(tmp_path, text: str):
    path = tmp_path / released.NAME
    path.write_text(text, encoding="utf-8")
    return path


def history(**texts: str) -> History:
    """Migrations by revision, each after the one before it."""
    names = list(texts)
    parents = [(), *((name,) for name in names)]
    made = (
        Migration(n, f"migrations/{n}.sql", p, digest=released.digest(texts[n]))
        for n, p in zip(names, parents, strict=False)
    )
    return History(Dialect.SQLITE, "numbered", tuple(made))


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / released.NAME
    made = (entry("0002", "b"), entry("0001"))
    path.write_text(released.with_entries(path, made))
    found = released.load(path)
    assert [e.revision for e in found] == ["0001", "0002"]
    assert [str(e) for e in found] == sorted(str(e) for e in made)
    assert released.load(tmp_path / "other.lock") == ()


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_path_and_revision_stands_in_a_line(text):
    line = str(Entry(text, text, SHA["a"], "1"))
    assert len(line.split()) == 4
    assert released._meant(line.split(maxsplit=1)[0]) == text


def test_the_order_of_lines_and_repeated_lines_mean_nothing(tmp_path):
    lines = [str(entry(f"000{n}")) for n in range(9)]
    expected = released.load(write(tmp_path, "\n".join(lines)))
    mixed = lines * 2
    random.Random(1).shuffle(mixed)
    found = released.load(write(tmp_path, "# a\n\n" + "\r\n".join(mixed) + "\n# b"))
    assert [str(e) for e in found] == [str(e) for e in expected]


def test_of_two_versions_with_the_same_content_the_first_counts(tmp_path):
    text = f"{entry('0001', version='4.10')}\n{entry('0001', version='4.9.1')}\n"
    assert [e.version for e in released.load(write(tmp_path, text))] == ["4.9.1"]


def test_writing_keeps_comments_and_adds_lines_in_their_place(tmp_path):
    path = write(tmp_path, f"# ours\n{entry('0002')} # why\n{entry('0001')}\n")
    text = released.with_entries(path, [entry("0003"), entry("0001")])
    assert text.splitlines()[2:] == [
        "# ours",
        str(entry("0001")),
        f"{entry('0002')} # why",
        str(entry("0003")),
    ]
    path.write_text(text)
    assert released.with_entries(path, []) == text


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        (f"{entry('0001')}\n<<<<<<< HEAD\n", 2, "a merge conflict is left"),
        (f"{entry('0001')}\n=======\n", 2, "a merge conflict is left"),
        (">>>>>>> main\n", 1, "a merge conflict is left"),
        (f"\n{entry('0001')} 2\n", 2, "the line is not"),
        ("migrations/1.sql 1 abc 1.0\n", 1, "the line is not"),
        (f"{entry('0001')}\n{entry('0001', 'b')}\n", 2, "migrations/0001.sql stands twice"),
    ],
)
def test_a_lock_that_cannot_be_understood_is_refused_with_its_line(tmp_path, text, line, sentence):
    with pytest.raises(ConfigError, match=sentence) as caught:
        released.load(write(tmp_path, text))
    assert caught.value.place == f"migsafe.lock:{line}"


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / released.NAME).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        released.load(tmp_path / released.NAME)


def test_line_ends_and_byte_order_mark_are_no_part_of_the_content():
    assert (
        len({released.digest(t) for t in ("a\nb\n", "a\r\nb\r\n", "a\rb\r", "\ufeffa\nb\n")}) == 1
    )
    assert released.digest("a\nb") != released.digest("a\nb\n")


def test_what_became_of_each():
    texts = {"0001": "a", "0002": "x", "0005": "c"}
    locked = [entry("0001", "a"), entry("0002", "b"), entry("0003", "c"), entry("0004", "d")]
    made = history(**texts)
    found = released.compared(locked, made, lambda m: texts[m.revision])
    assert [(r.revision, r.state, r.moved) for r in found] == [
        ("0001", State.SAME, ""),
        ("0002", State.CHANGED, ""),
        ("0003", State.DELETED, "migrations/0005.sql"),
        ("0004", State.DELETED, ""),
    ]


def test_a_file_is_read_again_only_where_its_digest_differs():
    def text(_: Migration) -> str:
        raise AssertionError

    (found,) = released.compared([entry("0001", "a")], history(**{"0001": "a"}), text)
    assert found.state is State.SAME


@pytest.mark.parametrize("version", ["1", "4.2.0", "v4.2.0", "2026-11-23", "4.2.0-rc.1+x"])
def test_a_version(version):
    assert released.is_version(version)


@pytest.mark.parametrize("version", ["", " ", "4 2", "-4", "#4", "4#", "4\n2"])
def test_no_version(version):
    assert not released.is_version(version)


def test_versions_in_order():
    names = ["10.0", "1.10", "1.2", "2", "1.9"]
    assert sorted(names, key=released.version_key) == ["1.2", "1.9", "1.10", "2", "10.0"]
