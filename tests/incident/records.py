"""Records and prose to test with: one that is filled sensibly, and any that Hypothesis makes up."""

from __future__ import annotations

import datetime
from dataclasses import replace

from hypothesis import strategies as st

from migsafe.incident.sections import Section
from migsafe.model.incident import (
    Action,
    ActionKind,
    Event,
    EventKind,
    Impact,
    Incident,
    Message,
    MessageKind,
    Resolution,
    Safeguard,
    Status,
)
from migsafe.model.rule import Severity, Why


def at(text: str) -> datetime.datetime:
    """A time in UTC."""
    return datetime.datetime.fromisoformat(f"{text}+00:00")


FILLED = Incident(
    "null-copied-into-not-null",
    "null-copied-into-not-null",
    title="4.2.0 crashes on launch for a quarter of users",
    date=datetime.date(2026, 3, 3),
    status=Status.LEARNED,
    severity=Severity.BLOCKER,
    authors=("data team", "mobile team"),
    summary="The migration to 4.2.0 copies accounts into a new table, whose client id may not be"
    " empty.\nAccounts made before 3.0 have none, so the copy fails and the app closes at every"
    " start.\nThe roll-out was stopped after four hours, at 30 % of users.",
    detection="Crash reports rose from 0.1 % to 24 % of sessions.",
    sooner="A replay on the databases of long-standing users fails within a second.",
    links=("https://git.example.com/app/pull/814",),
    well=("The roll-out was in steps.", "Support knew within minutes what to answer."),
    lucky=("The failed migration left the old data as it was.",),
    impact=Impact(
        affected="about a quarter of those who update from 4.0 or 4.1",
        versions="4.2.0",
        share=0.25,
        low=0.14,
        high=0.43,
        failing=8,
        sampled=32,
        error="NOT NULL constraint failed: account_new.client_id",
        seen="the app closes as soon as it starts",
        data_safe="Yes. Nothing was deleted; do not remove the app",
        workaround="wait for 4.2.1; do not reinstall",
        contact="help@example.com",
    ),
    resolution=Resolution(
        temporary="The roll-out was stopped.",
        final="The copy fills a missing client id with an empty text.",
        version="4.2.1",
        told="accounts from old versions can be opened again",
        to_do="update to 4.2.1 and start the app",
    ),
    safeguard=Safeguard(
        "null-copied-into-not-null",
        says="1 row would put NULL into client_id, which is NOT NULL in account_new",
        fixtures=("fail/accounts-before-3", "pass/filled-first"),
        backtest="would have stopped 0009; no other alarm in 41 migrations",
        runs="in the pre-commit hook and in the release job",
    ),
    timeline=(
        Event(at("2026-03-03T09:00"), EventKind.RELEASED, "4.2.0 to 10 %"),
        Event(at("2026-03-03T09:40"), EventKind.FIRST_FAILURE),
        Event(at("2026-03-03T12:05"), EventKind.DETECTED, "crash reports"),
        Event(at("2026-03-03T12:40"), EventKind.COMMUNICATED),
        Event(at("2026-03-03T13:00"), EventKind.MITIGATED, "roll-out stopped"),
        Event(at("2026-03-04T08:00"), EventKind.RESOLVED, "4.2.1 is out"),
    ),
    why=(
        Why("Why did it crash?", "An empty client id is copied into NOT NULL.", "crash report"),
        Why("Why was it empty?", "Sign-up did not ask for one until 3.0.", "release notes of 3.0"),
        Why("Why did tests pass?", "Test databases are made by the newest version.", "make_db"),
        Why("Why did review not see it?", "Nobody knew what old rows look like."),
        Why("Why is there no gate?", "Migrations were never tried on old data.", follows=3),
    ),
    actions=(
        Action("Replay samples in the release job", ActionKind.PREVENT, "platform team",
               datetime.date(2026, 3, 20), done=True),
        Action("Alert on crashes at launch", ActionKind.DETECT, "mobile team",
               datetime.date(2026, 4, 3)),
    ),
    messages=(
        Message(at("2026-03-03T12:40"), MessageKind.INITIAL, "We are looking into it.",
                at("2026-03-03T14:40")),
        Message(at("2026-03-04T08:00"), MessageKind.RESOLVED, "It is fixed in 4.2.1."),
    ),
)  # fmt: skip
"""An incident from beginning to end."""

_texts = st.text(max_size=40)
_lists = st.lists(_texts, max_size=3).map(tuple)
_times = st.datetimes(timezones=st.just(datetime.UTC))
_shares = st.none() | st.floats(0, 1)
_names = st.from_regex(r"[a-z0-9]{1,5}(-[a-z0-9]{1,5}){0,2}", fullmatch=True)
_whys = st.lists(st.builds(Why, _texts, _texts, _texts), max_size=4).flatmap(
    lambda whys: st.tuples(*(st.integers(0, n) for n in range(len(whys)))).map(
        lambda follows: tuple(replace(w, follows=f) for w, f in zip(whys, follows, strict=True))
    )
)
records = st.builds(
    Incident,
    hazard=_names,
    slug=_names,
    title=_texts,
    date=st.none() | st.dates(),
    status=st.sampled_from(Status),
    severity=st.sampled_from(Severity),
    authors=_lists,
    summary=_texts,
    detection=_texts,
    sooner=_texts,
    links=_lists,
    well=_lists,
    lucky=_lists,
    impact=st.builds(
        Impact, _texts, _texts, _shares, _shares, _shares, st.integers(0), st.integers(0),
        _texts, _texts, _texts, _texts, _texts, _texts,
    ),
    resolution=st.builds(Resolution, _texts, _texts, _texts, _texts, _texts),
    safeguard=st.builds(Safeguard, _texts, _texts, _lists, _texts, _texts, _texts),
    timeline=st.lists(st.builds(Event, _times, st.sampled_from(EventKind), _texts), max_size=3)
    .map(tuple),
    why=_whys,
    actions=st.lists(
        st.builds(Action, _texts, st.sampled_from(ActionKind), _texts, st.none() | st.dates(),
                  st.booleans()),
        max_size=3,
    ).map(tuple),
    messages=st.lists(
        st.builds(Message, _times, st.sampled_from(MessageKind), _texts, st.none() | _times),
        max_size=3,
    ).map(tuple),
)  # fmt: skip
"""Any record that a page can hold."""

_prose_lines = st.lists(
    st.one_of(
        st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=30),
        st.sampled_from(
            ["", "# A heading", "## Why", "+++", "- an item", "```", "---", "<!-- x -->"]
        ),
    ).filter(lambda line: not line.lstrip().startswith("<!--") or line == "<!-- x -->"),
    max_size=5,
)
proses = _prose_lines.map(lambda lines: "".join(f"{line}\n" for line in lines))
"""What people may write between the parts; fences are tested on their own."""
all_proses = st.tuples(proses, st.tuples(*(proses for _ in Section)))
"""What stands before the first part, and after each."""
