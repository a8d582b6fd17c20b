"""TOML that we write is what the standard library reads; typed answers become values."""

from __future__ import annotations

import datetime
import tomllib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migsafe.errors import UsageError
from migsafe.incident import changes, drafts, questions, record, said, short_form, toml_text
from migsafe.incident.questions import QUESTIONS, AnswerKind, Known, Part, record_from
from migsafe.model.incident import (
    Action,
    ActionKind,
    Event,
    EventKind,
    Impact,
    Incident,
    MessageKind,
    Safeguard,
    Status,
)
from migsafe.model.rule import Severity, Why
from tests.incident.records import FILLED, at, records

NOW = at("2026-03-03T12:40")
KNOWN = Known("orphans", NOW, impact=Impact(share=0.25, low=0.14, high=0.43, error="E"))

_plain = st.one_of(
    st.text(), st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False),
    st.dates(), st.datetimes(timezones=st.just(datetime.UTC)),
)  # fmt: skip
_keys = st.from_regex(r"[a-z_][a-z0-9_-]{0,6}", fullmatch=True)
_tables = st.recursive(
    st.dictionaries(_keys, _plain | st.lists(_plain, max_size=3), max_size=4),
    lambda inner: st.dictionaries(
        _keys, inner | st.lists(inner, min_size=1, max_size=3), max_size=3
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=150)
@given(_tables)
def test_what_is_written_is_read_as_the_same(table):
    assert tomllib.loads(toml_text.write(table)) == table


@settings(deadline=None, max_examples=60)
@given(records)
def test_a_record_is_read_as_it_was_written(wanted):
    text = record.write(wanted)
    assert record.read(text, file="x") == wanted
    assert "+++" not in text.split("\n")


def test_places_are_lines_with_their_comments():
    text = (
        "# first\n\na = 1 # beside\nb = '''\n# no\nc = 2\n'''\n"
        "[t]\n# d1\n# d2\nd.e = [\n  1, # in\n]\n"
        '[[l]]\nx = "# no"\n[[l]]\n# last\n'
    )
    assert [(p.path, p.line, p.comments) for p in toml_text.places(text)] == [
        (("a",), 3, ("# first", "# beside")),
        (("b",), 4, ()),
        (("t",), 8, ()),
        (("t", "d", "e"), 11, ("# d1", "# d2")),
        (("l", 0), 14, ("# in",)),
        (("l", 0, "x"), 15, ()),
        (("l", 1), 16, ()),
        ((), 18, ("# last",)),
    ]


# -- what people type -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-02-28 18:00", "2026-02-28T18:00"),
        ("2026-02-28 18:00 UTC", "2026-02-28T18:00"),
        ("2026-02-28T18:00:30Z", "2026-02-28T18:00:30"),
        ("2026-02-28 18:00+02:00", "2026-02-28T16:00"),
        ("+30m", "2026-03-03T13:10"),
        ("+2h", "2026-03-03T14:40"),
        ("+1d", "2026-03-04T12:40"),
        ("now", "2026-03-03T12:40"),
    ],
)
def test_a_time_may_be_written_in_these_ways(text, wanted):
    assert said.time(text, NOW) == at(wanted)


@pytest.mark.parametrize(
    "text", ["", "soon", "18:00", "2026-02-30 18:00", "2026-02-28", "+2", "+2w"]
)
def test_other_times_are_refused(text):
    with pytest.raises(UsageError, match="not a time") as caught:
        said.time(text, NOW)
    assert "2026-02-28 18:00" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "kind", "what"),
    [
        ("2026-02-28 18:00 detected: crash reports", EventKind.DETECTED, "crash reports"),
        ("2026-02-28 18:00 UTC released", EventKind.RELEASED, ""),
        ("2026-02-28 18:00 first-failure:", EventKind.FIRST_FAILURE, ""),
        ("2026-02-28T18:00Z we met", EventKind.NOTE, "we met"),
        ("2026-02-28 18:00 seen: twice", EventKind.NOTE, "seen: twice"),
    ],
)
def test_an_event_is_a_time_and_what_happened(text, kind, what):
    assert said.event(text, NOW) == Event(at("2026-02-28T18:00"), kind, what)


def test_whys_and_actions_are_parts_between_bars():
    assert said.why("why? | so | seen in a log") == Why("why?", "so", "seen in a log")
    assert said.why("after 2: why? | so") == Why("why?", "so", follows=2)
    assert said.action("do it") == Action("do it")
    assert said.action("do it | data team | 2026-03-20 | detect") == Action(
        "do it", ActionKind.DETECT, "data team", datetime.date(2026, 3, 20)
    )


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (said.why, "why?"),
        (said.why, "why? |"),
        (said.why, "a | b | c | d"),
        (said.action, " | team"),
        (said.action, "a | b | c"),
        (said.action, "a | 2026-02-30"),
        (lambda text: said.event(text, NOW), "released yesterday"),
    ],
)
def test_what_cannot_be_read_is_refused_with_an_example(read, text):
    with pytest.raises(UsageError) as caught:
        read(text)
    assert caught.value.hint.startswith("write ")


# -- questions ------------------------------------------------------------------------------------


def test_questions_are_asked_in_the_order_of_the_three_steps():
    assert [p for p in Part for q in QUESTIONS if q.part is p] == [q.part for q in QUESTIONS]
    assert len({q.key for q in QUESTIONS}) == len(QUESTIONS)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.key)
def test_every_answer_reaches_the_field_that_its_question_names(question):
    answers = {
        AnswerKind.TEXT: "an answer",
        AnswerKind.TEXTS: "an answer",
        AnswerKind.TIME: "+2h",
        AnswerKind.EVENTS: "2026-03-03 09:00 released: 4.2",
        AnswerKind.WHYS: "why? | so",
        AnswerKind.ACTIONS: "do it",
    }
    found: object = record_from({question.key: [answers[question.kind]]}, KNOWN)
    without: object = record_from({}, KNOWN)
    for name in question.fills.split("."):
        found, without = getattr(found, name), getattr(without, name)
    assert found
    assert found != without


def test_what_is_known_needs_no_answer():
    known = replace(KNOWN, title="t", safeguard=Safeguard("orphans"), timeline=(Event(NOW),))
    assert record_from({}, known) == Incident(
        "orphans", "orphans", "t", NOW.date(), severity=Severity.BLOCKER, impact=KNOWN.impact,
        safeguard=Safeguard("orphans"), timeline=(Event(NOW),),
    )  # fmt: skip


def test_the_first_message_is_worded_from_all_answers():
    given_ = {
        "next-update": ["+2h"],
        "affected": ["all of 4.1"],
        "data-safe": ["Yes"],
        "seen": [" "],
    }
    found = record_from(given_, KNOWN)
    assert found.status is Status.OPEN
    assert [(m.kind, m.time, m.next) for m in found.messages] == [
        (MessageKind.INITIAL, NOW, at("2026-03-03T14:40"))
    ]
    assert found.messages[0].text == (
        "We are looking into a problem.\nWho is affected: all of 4.1.\nIs your data safe: Yes.\n"
        "Next update: 2026-03-03 14:40 UTC."
    )
    assert found.timeline == (Event(NOW, EventKind.COMMUNICATED),)


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ({}, Status.DRAFT),
        ({"fix": ["f"]}, Status.RESOLVED),
        ({"fixed-version": ["4"]}, Status.RESOLVED),
    ],
)
def test_the_answers_tell_how_far_it_is(answers, status):
    assert record_from(answers, KNOWN).status is status


@pytest.mark.parametrize(
    ("answers", "wrong"),
    [
        ({"sen": ["x"]}, "there is no question sen"),
        ({"next-update": ["soon"]}, "soon is not a time"),
        ({"next-update": ["2020-01-01 00:00"]}, "later than now"),
        ({"why": ["after 2: why? | so"]}, "why[1].follows"),
    ],
)
def test_an_answer_that_cannot_be_is_refused(answers, wrong):
    with pytest.raises(UsageError) as caught:
        record_from(answers, KNOWN)
    assert wrong in caught.value.message


# -- drafts ---------------------------------------------------------------------------------------


def test_a_draft_is_kept_where_no_version_control_looks(tmp_path):
    draft = drafts.Draft(KNOWN, notes={"seed": "a/b.sql"}).answered("why", "a | b", "c | d")
    path = drafts.save(tmp_path, draft)
    assert path == tmp_path / ".migsafe/incidents/orphans.toml"
    assert (tmp_path / ".migsafe/.gitignore").read_text() == "*\n"
    assert drafts.load(tmp_path) == drafts.load(tmp_path, "orphans") == draft
    assert drafts.save(tmp_path, draft.answered("title", "t")) == path
    assert drafts.load(tmp_path).answers["title"] == ("t",)
    drafts.drop(tmp_path, "orphans")
    assert drafts.drafts(tmp_path) == ()
    drafts.drop(tmp_path, "orphans")


def test_a_draft_that_is_not_there_or_broken_is_said_so(tmp_path):
    with pytest.raises(UsageError, match="there is no draft"):
        drafts.load(tmp_path)
    path = drafts.save(tmp_path, drafts.Draft(KNOWN))
    drafts.save(tmp_path, drafts.Draft(replace(KNOWN, slug="second")))
    with pytest.raises(UsageError, match="which draft") as caught:
        drafts.load(tmp_path)
    assert caught.value.hint == "drafts: orphans, second"
    for text in ("a = ", "answers = 3\n", "[known]\nhazard = 3\n", "known = 3\n"):
        path.write_text(text)
        with pytest.raises(UsageError, match="cannot be read"):
            drafts.load(tmp_path, "orphans")


# -- changes --------------------------------------------------------------------------------------


def test_messages_follow_each_other():
    first = changes.told(Incident("a", "a"), "", NOW, at("2026-03-03T14:40"))
    assert (first.status, first.messages[0].kind) == (Status.OPEN, MessageKind.INITIAL)
    second = changes.told(first, "We test a fix.", at("2026-03-03T14:00"), at("2026-03-03T16:00"))
    assert second.messages[1].text == "We test a fix.\nNext update: 2026-03-03 16:00 UTC."
    last = changes.resolved(second, "", at("2026-03-03T16:00"), "4.2.1")
    assert last.messages[2].text == (
        "The problem is resolved. It is fixed in version 4.2.1.\n"
        "What you must do: Update to version 4.2.1."
    )
    assert (last.status, last.resolution.version) == (Status.RESOLVED, "4.2.1")
    assert [e.kind for e in last.timeline] == [EventKind.COMMUNICATED, EventKind.RESOLVED]


@pytest.mark.parametrize("later", [None, NOW, at("2026-03-03T12:00")])
def test_a_message_promises_a_time_to_come(later):
    with pytest.raises(UsageError, match=r"hear next|later than now"):
        changes.told(FILLED, "news", NOW, later)


def test_actions_are_ticked_off_by_number():
    assert changes.done(FILLED, 2).actions[1].done
    for number in (0, 3, -1):
        with pytest.raises(UsageError, match=f"there is no action {number}"):
            changes.done(FILLED, number)


# -- the short form -------------------------------------------------------------------------------

RULE = 'id = "a"\nfind = """\n[incident]\n"""\n[incident]\nsummary = "old"\n[[incident.why]]\n'
RULE += 'question = "q"\nanswer = "a"\n[remedies]\ndjango = "d"\n'


def test_the_short_form_of_a_rule_follows_the_record():
    assert short_form.differs(RULE, FILLED)
    text = short_form.refreshed(
        'id = "a"\n# why\n[incident]\nsummary = "old"\n[remedies]\nd = "x"\n', FILLED
    )
    assert text.startswith('id = "a"\n# why\n[remedies]\nd = "x"\n\n[incident]\nsummary = """\n')
    assert not short_form.differs(text, FILLED)
    assert short_form.refreshed(text, FILLED) == text
    assert len(tomllib.loads(text)["incident"]["why"]) == 5


def test_a_rule_whose_text_would_suffer_is_left_alone():
    assert short_form.refreshed(RULE, FILLED) == RULE
    assert short_form.refreshed('id = "a"\n', FILLED) == 'id = "a"\n'
    assert short_form.refreshed("id = \n", FILLED) == "id = \n"


def test_the_short_form_has_what_a_rule_can_hold():
    short = short_form.origin(FILLED)
    assert (short.date, short.versions) == ("2026-03-03", "4.2.0")
    assert short.why[0] == Why("Why did it crash?", "An empty client id is copied into NOT NULL.")
    assert questions.record_from({}, KNOWN).summary == short_form.origin(Incident("a", "a")).summary
