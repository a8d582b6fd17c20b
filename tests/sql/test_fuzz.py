"""Whatever stands in a file, splitting and reading it end, and lose nothing of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migsafe.model.migration import Dialect
from migsafe.sql.parse import operations
from migsafe.sql.split import comments, split
from migsafe.sql.tokens import tokenize

ROOT = Path(__file__).parents[2] / "fixtures"
MUTANTS = 20_000
MARKS = ("'", '"', "`", "$$", "$a$", ";", "(", ")", "--", "/*", "*/", "\\", "\x00", "é", "[", "]",
         "{{", "}}", "${", ",", ".", "::", "E'", "#", "\n", "/*!50000 ", "DELIMITER //\n", "BEGIN",
         "END", "CASE", "$1", ":name", "?", "0x", "1e", "N'", "%s", "@@x", "😀")  # fmt: skip


def corpus(dialect: Dialect) -> list[str]:
    """The statements of all fixtures, whatever engine they are for."""
    texts = [path.read_text("utf-8", "replace") for path in sorted(ROOT.rglob("*.sql"))]
    return [s.sql for text in texts for s in split(text, dialect)]


def mutated(source: random.Random, statements: list[str]) -> Iterator[str]:
    """One statement after another with a few of its words lost, doubled, moved or broken."""
    while True:
        text = source.choice(statements)
        for _ in range(source.randint(1, 4)):
            text = _change(source, text, statements)
        yield text


def _change(source: random.Random, text: str, statements: list[str]) -> str:
    words = text.split(" ")
    at = source.randrange(len(words))
    kind = source.randrange(6)
    if kind == 0:
        del words[at]
    elif kind == 1:
        words.insert(at, source.choice(words))
    elif kind == 2:
        words.insert(at, source.choice(MARKS))
    elif kind == 3:
        return text[: source.randrange(len(text) + 1)]
    elif kind == 4:
        return text[: source.randrange(len(text) + 1)] + source.choice(MARKS) + text
    else:
        words[at:] = source.choice(statements).split(" ")
    return " ".join(words)


def check(text: str, dialect: Dialect) -> None:
    """Statements are slices in their order, each is read, tokens hold every visible character."""
    at = 0
    for statement in split(text, dialect):
        at = text.index(statement.sql, at) + len(statement.sql)
        assert operations(statement.sql, dialect)
    comments(text, dialect)
    end = 0
    for token in tokenize(text, dialect):
        assert end <= token.start < token.end
        assert text[token.start : token.end] == token.text
        end = token.end


@pytest.mark.parametrize("dialect", list(Dialect))
def test_some_mutants_of_every_fixture_are_read(dialect: Dialect) -> None:
    _try(dialect, 400, 1)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", list(Dialect))
def test_many_mutants_of_every_fixture_are_read(dialect: Dialect) -> None:
    _try(dialect, MUTANTS, 2)


def _try(dialect: Dialect, number: int, seed: int) -> None:
    source = random.Random(seed)
    texts = mutated(source, corpus(dialect))
    for _ in range(number):
        text = next(texts)
        if text.strip():
            check(text, dialect)


@settings(max_examples=150, deadline=None)
@given(
    text=st.lists(
        st.sampled_from([*MARKS, "SELECT", "CREATE", "TABLE", "a", " ", "\t"]), max_size=30
    )
)
@pytest.mark.parametrize("dialect", list(Dialect))
def test_any_marks_in_any_order(dialect: Dialect, text: list[str]) -> None:
    check(" ".join(text), dialect)
    check("".join(text), dialect)
