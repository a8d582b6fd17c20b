"""A page is read and written back: nothing that people wrote is lost, and errors name a line."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migsafe.incident import page
from migsafe.incident.page import Page, Part
from migsafe.incident.record import BrokenRecord
from migsafe.incident.sections import Section
from migsafe.model.incident import Action, Audience, Incident, Status
from tests.incident.records import FILLED, all_proses, records

LEAST = '+++\nhazard = "a"\nslug = "a"\n+++\n'


def made(record: Incident, proses: tuple[str, tuple[str, ...]]) -> Page:
    lead, after = proses
    return Page(record, tuple(Part(s, p) for s, p in zip(Section, after, strict=True)), lead)


@settings(deadline=None, max_examples=60)
@given(records, all_proses)
def test_reading_gives_what_was_written(record, proses):
    wanted = made(record, proses)
    text = page.render(wanted)
    found = page.read(text, file="p.md")
    assert replace(found, front="") == wanted
    assert page.render(found) == text
    assert page.is_current(found, text)


@settings(deadline=None, max_examples=60)
@given(records, records, all_proses)
def test_a_changed_record_leaves_the_prose_as_it_is(before, after, proses):
    text = page.render(made(before, proses))
    changed = page.render(page.changed(page.read(text, file="p.md"), after))
    found = page.read(changed, file="p.md")
    assert found.record == after
    assert (found.lead, tuple(p.prose for p in found.parts)) == proses


@settings(deadline=None, max_examples=60)
@given(all_proses, st.data())
def test_a_line_written_into_a_made_part_is_kept(proses, data):
    lines = page.render(made(FILLED, proses)).split("\n")
    inside = [n for n, line in enumerate(lines) if line == "<!-- /record -->"]
    number = data.draw(st.sampled_from(inside))
    text = "\n".join([*lines[:number], "what I saw myself", *lines[number:]])
    found = page.read(text, file="p.md")
    assert not page.is_current(found, text)
    again = page.render(page.changed(found, replace(FILLED, status=Status.OPEN)))
    assert "what I saw myself\n" in again
    assert page.is_current(page.read(again, file="p.md"), again)


@settings(deadline=None, max_examples=60)
@given(records, st.data())
def test_comments_in_the_record_stay(record, data):
    text = page.render(Page(record))
    front = page.read(text, file="p.md").front
    keys = [
        n for n, line in enumerate(front.split("\n")) if line.startswith(("hazard =", "slug ="))
    ]
    lines = front.split("\n")
    lines[data.draw(st.sampled_from(keys))] += "  # beside"
    lines.insert(data.draw(st.sampled_from(keys)), "# above")
    lines.insert(len(lines) - 1, "# below")
    edited = text.replace(front, "\n".join(lines), 1)
    found = page.read(edited, file="p.md")
    assert page.render(found) == edited
    changed = page.changed(found, replace(record, actions=(*record.actions, Action("more"))))
    again = page.read(page.render(changed), file="p.md")
    assert again.record == changed.record
    assert [line for line in again.front.split("\n") if line in {"# above", "# beside", "# below"}]
    for comment in ("# above", "# beside", "# below"):
        assert again.front.count(f"{comment}\n") == 1


def test_the_least_record_becomes_a_whole_page():
    text = page.render(page.read(LEAST, file="p.md"))
    assert text.startswith(LEAST)
    assert text.count("*To be written: ") == 10
    assert "*To be written: who is affected; which versions; what users see;" in text


def test_a_filled_page_has_nothing_left_to_write():
    assert "To be written" not in page.render(Page(FILLED))


def test_a_section_that_was_removed_comes_back_in_its_place():
    text = page.render(Page(FILLED))
    start, end = text.index("<!-- record: why"), text.index("<!-- record: resolution")
    found = page.read(text[:start] + text[end:], file="p.md")
    assert page.render(found) == text


def test_sections_stay_in_the_order_that_people_gave_them():
    parts = tuple(reversed(Page(FILLED).parts))
    text = page.render(Page(FILLED, parts))
    assert page.read(text, file="p.md").parts == parts


def test_lines_of_windows_stay_lines_of_windows():
    text = page.render(Page(FILLED)).replace("\n", "\r\n")
    found = page.read(text, file="p.md")
    assert found.record == FILLED
    assert page.render(found) == text


def test_a_byte_order_mark_is_no_part_of_the_record():
    assert page.read("\ufeff" + LEAST, file="p.md").record == Incident("a", "a")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "does not start with its record"),
        ("# A page\n", 1, "does not start with its record"),
        ('+++\nhazard = "a"\n', 1, "has no end"),
        ("+++\nhazard = \n+++\n", 2, "not valid TOML: invalid value"),
        ('+++\nhazard = "a"\nslug = "a\n+++\n', 3, "not valid TOML"),
        ('+++\nhazard = "a"\n+++\n', 2, "slug is missing"),
        (LEAST.replace('slug = "a"', 'slug = "A b"'), 3, "slug is 'A b'"),
        (LEAST.replace("\n+++\n", "\nstatu = 1\n+++\n"), 4, "unknown key statu: did you mean stat"),
        (LEAST.replace("\n+++\n", '\nstatus = "over"\n+++\n'), 4, "expected one of draft, open"),
        (LEAST.replace("\n+++\n", '\nseverity = "x"\n+++\n'), 4, "one of blocker, error, warning"),
        (LEAST.replace("\n+++\n", '\ndate = "x"\n+++\n'), 4, "date must be a date"),
        (LEAST.replace("\n+++\n", "\n[impact]\n\nshare = 25\n+++\n"), 6, "must be from 0 to 1"),
        (LEAST.replace("\n+++\n", "\n[[impact]]\n+++\n"), 4, "impact must be a table"),
        (LEAST.replace("\n+++\n", "\nactions = 3\n+++\n"), 4, "actions must be a list"),
        (
            f"{LEAST[:-4]}[[actions]]\ntext = '''\na # b\n[x]\n'''\n"
            '[[actions]]\ntext = "b"\ndone = 1\n+++\n',
            11,
            "actions[2].done must be true or false",
        ),
        (
            LEAST.replace("\n+++\n", '\n[[why]]\nquestion = "q"\nanswer = "a"\nfollows = 1\n+++\n'),
            7,
            "why[1].follows must be the number of an answer above it",
        ),
        (
            LEAST.replace("\n+++\n", "\n[[timeline]]\ntime = 0001-01-01T00:00:00+09:00\n+++\n"),
            5,
            "outside the calendar",
        ),
        (f"{LEAST[:-4]}a = {'[' * 9999}\n+++\n", 4, "not valid TOML"),
        (f"{LEAST[:-4]}a = {'9' * 9999}\n+++\n", 4, "not valid TOML"),
        (LEAST + "<!-- record: why -->\n", 5, "this part has no end"),
        (LEAST + "\n<!-- /record -->\n", 6, "out of place"),
        (LEAST + "<!-- record: why -->\n<!-- record: head -->\n", 6, "out of place"),
        (LEAST + "<!-- record: whys -->\n<!-- /record -->\n", 5, "there is no section whys"),
        (LEAST + "<!-- record: why -->\n<!-- /record -->\n" * 2, 7, "stands here twice"),
        (LEAST + "text\n<!-- for: everyone -->\n<!-- /for -->\n", 6, "everyone is no audience"),
        (LEAST + "<!-- for: client -->\ntext\n", 5, "this fence has no end"),
        (LEAST + "<!-- for: client -->\n<!-- for: team -->\n", 6, "out of place or misspelt"),
        (LEAST + "<!-- For client -->\ntext\n<!-- /for -->\n", 5, "out of place or misspelt"),
        (LEAST + "text\n<!-- /for -->\n", 6, "out of place or misspelt"),
        (LEAST + "<!-- note\n<!-- for: client -->\na\n<!-- /for -->\n", 6, "inside a comment"),
        (
            LEAST + "<!-- record: why -->\n<!-- /record -->\na\n<!-- for: x -->\n",
            8,
            "x is no audience: team, company, client",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence_with_its_line(text, line, said):
    with pytest.raises(BrokenRecord) as caught:
        page.read(text, file="rules/a/postmortem.md")
    assert caught.value.place == f"rules/a/postmortem.md:{line}"
    assert said in caught.value.message
    assert "\n" not in caught.value.message


def test_prose_is_read_by_those_it_is_fenced_for():
    prose = (
        "T\n<!-- for: company -->\nCO\n<!-- /for -->\n<!-- for: client -->\nCL\n<!-- /for -->\nT2\n"
    )
    text = page.render(Page(FILLED, (Part(Section.WHY, prose + "<!-- hidden\nnote -->\n"),)))
    found = page.read(text, file="p.md")
    told = {a: found.told(a).get(Section.WHY, "").split() for a in Audience}
    assert told == {
        Audience.TEAM: ["T", "CO", "CL", "T2"],
        Audience.COMPANY: ["CO", "CL"],
        Audience.CLIENT: ["CL"],
    }
