"""Masked values: other ones of the same classes, equal where they were, none of the originals."""

from __future__ import annotations

import json
import unicodedata
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migsafe.model.content import Content, Value
from migsafe.model.migration import Dialect
from migsafe.sampling.hide import originals_left
from migsafe.sampling.mask import mask, masked
from migsafe.sampling.public import Public, public
from migsafe.sampling.value_classes import classes, kept

KEY = b"a key that is in no file"

OF_EACH_CLASS: tuple[Value, ...] = (
    None, True, "", "   ", "Max Mustermann", "MAX MUSTERMANN", " max mustermann ", "Li",
    "john.doe+tag@example.org", "https://host.example.com/path/file.txt?id=12345",
    "2024-01-15", "2024-02-30", "0000-00-00", "9999-12-31", "2024-01-15T12:34:56.789Z",
    "31/12/2023", "20240115", 20240115, 1704067201, 1704067201123,
    '{"name": "Alice", "age": 4242, "tags": ["a", null, true], "x": 1.25}',
    '{"nul": "a\\u0000b", "word": "\\u0441\\u043b\\u043e\\u0432\\u043e"}', '{"a":', "[]", "null",
    "00012345", "12345", 12345, -12345, "1.50", "1234.56", 1234.56, 48.85661, Decimal("9876.50"),
    "1e999", 1e300, float("inf"), 0, 7, 2**31, 2**63 - 1, -(2**63), 4_500_000_000,
    "caf\u00e9 noir", "cafe\u0301 noir", "CAF\u00c9 NOIR", "Stra\u00dfe", "\u0130zmir",
    "日本語テスト", "Ελλάδα", "Москва", "москва", "\U0001f600\U0001f601\U0001f602\U0001f603",
    "a\0bcdef", "line\nbreak", "tab\there", "bad\udcff\udcfebytes", "+49 30 123 45 67",
    "192.168.17.23", "550e8400-e29b-41d4-a716-446655440000", "deadbeef01", "<b>bold</b>",
    "a,b,,c;d", "100%_", "it's \"so\"", "1001,1002,1003", 1001, 1002, 1003, "user_1001",
    "x" * 500, "12345678901234567890123", b"\x00\x01\x02\x03\xff\xfe\xfdabc",
    b"\x89PNG\r\n\x1a\nabcdefgh", b"plain text", b"",
)  # fmt: skip


def table(*values: Value) -> tuple[Content, ...]:
    return (Content("t", ("v",), tuple((v,) for v in values)),)


def other(*values: Value, known: Public | None = None, key: bytes = KEY) -> tuple[Any, ...]:
    rows, known = table(*values), known or Public()
    return masked(mask(rows, known, key), rows, [("t", "v")])[0].column("v")


@pytest.mark.parametrize("value", OF_EACH_CLASS, ids=lambda v: repr(v)[:30])
def test_a_value_stays_in_its_classes(value):
    (made,) = other(value)
    assert classes(made) == classes(value)


def test_all_together_keep_their_classes_and_nothing_of_them_is_left():
    rows = table(*OF_EACH_CLASS)
    made = masked(mask(rows, Public(), KEY), rows, [("t", "v")])
    assert kept(rows, made) == (len(OF_EACH_CLASS), len(OF_EACH_CLASS))
    assert originals_left(rows, made, Public()) == 0
    text = repr(made).lower()
    for word in ("mustermann", "john", "alice", "12345", "москв", "deadbeef", "446655440000"):
        assert word not in text


def test_what_was_equal_but_for_case_blanks_or_normal_form_is_so_still():
    small, capital, blank = other("max", "MAX", " max ")
    assert (small.upper(), small) == (capital, blank.strip())
    assert small != "max"
    composed, decomposed, upper = other("caf\u00e9", "cafe\u0301", "CAF\u00c9")
    assert unicodedata.normalize("NFC", decomposed) == composed != "caf\u00e9"
    assert composed.upper() == upper


def test_the_same_number_is_the_same_in_numbers_texts_lists_and_json():
    whole, text, packed, inside, real = other(
        54321, "54321", "54321,7,98765", '{"id": 54321}', 54321.0
    )
    assert whole != 54321
    assert text == str(whole)
    assert packed.startswith(f"{whole},7,")
    assert list(json.loads(inside).values()) == [whole]
    assert real == float(whole)


def test_numbers_and_days_keep_their_order():
    numbers = (1234, 5678, 91011, 1_700_000_001, 1_700_000_002, -5678)
    made = other(*numbers)
    assert sorted(range(6), key=made.__getitem__) == sorted(range(6), key=numbers.__getitem__)
    days = ("2019-05-01", "2019-05-02", "2021-12-31", "1969-01-02")
    made = other(*days)
    assert sorted(range(4), key=made.__getitem__) == sorted(range(4), key=days.__getitem__)
    assert not set(days) & set(made)


def test_literals_of_the_migration_stay_and_so_does_what_they_ask_for():
    known = public(
        [
            "UPDATE t SET s = 'pending' WHERE url LIKE 'app://%' AND n > 5000",
            "SELECT json_extract(v, '$.owner') FROM t WHERE v <> E'it''s'",
            "CREATE FUNCTION f() AS $$ BEGIN x := 'nested'; END $$",
        ],
        Dialect.POSTGRES,
    )
    values = ("Pending", "app://secrets", '{"owner": "Somebody"}', 4999, 5001, 5000, "nested")
    made = other(*values, known=known)
    assert made[0] == "Pending"
    assert made[1].startswith("app://")
    assert "secrets" not in made[1]
    assert json.loads(made[2]).keys() == {"owner"}
    assert "Somebody" not in made[2]
    assert made[3] < 5000 < made[4]
    assert made[5:] == (5000, "nested")


def test_the_same_key_gives_the_same_and_another_key_another():
    assert other("Mustermann", key=b"one") == other("Mustermann", key=b"one")
    assert other("Mustermann", key=b"one") != other("Mustermann", key=b"two")


def test_only_the_named_columns_change_and_fixed_ones_never():
    rows = (Content("t", ("a", "b", "c"), (("secret", "secret", "secret"),), frozenset({"c"})),)
    (made,) = masked(mask(rows, Public(), KEY), rows, [("t", "a"), ("t", "c")])
    assert made.rows[0][1:] == ("secret", "secret")
    assert made.rows[0][0] != "secret"


def test_an_original_that_is_still_there_is_counted_even_within_another():
    before = table("Mustermann", 98765, "short", "ab")
    after = table("xmustermannx", 98765, "other", "ab")
    assert originals_left(before, after, Public()) == 2


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.text(max_size=20),
            st.integers(-(2**63), 2**63 - 1),
            st.floats(),
            st.binary(max_size=9),
        ),
        min_size=1,
        max_size=6,
        unique_by=repr,
    )
)
def test_whatever_the_values_are_their_kinds_and_lengths_stay(values):
    for was, now in zip(values, other(*values), strict=True):
        assert type(was) is type(now)
        if isinstance(was, (str, bytes)):
            assert len(was) == len(now)
