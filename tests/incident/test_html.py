"""The page as HTML: one file without scripts or anything from elsewhere, readable, escaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings

from migsafe.incident import export
from migsafe.incident.html import _STYLE
from migsafe.incident.leaks import leaks
from migsafe.incident.page import Page
from migsafe.model.incident import Audience
from tests.incident.records import FILLED, all_proses, records
from tests.incident.test_page import made

TAGS = {
    "html", "head", "meta", "title", "style", "body", "main", "section", "h1", "h2", "h3", "h4",
    "h5", "h6", "p", "dl", "dt", "dd", "table", "thead", "tbody", "tr", "th", "td", "ul", "ol",
    "li", "a", "code", "pre", "blockquote", "em", "strong",
}  # fmt: skip


class Outline(HTMLParser):
    """Which tags there are with which attributes, and whether each is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_comment(self, data):
        raise AssertionError(data)


@settings(deadline=None, max_examples=40)
@given(records, all_proses)
def test_any_record_gives_a_sound_page_of_one_file(record, proses):
    page = made(record, proses)
    for audience in Audience:
        if audience is Audience.CLIENT and leaks(page):
            continue
        found = Outline(export.render(page, "html", audience))
        assert found.open == []
        assert {tag for tag, _ in found.seen} <= TAGS
        for tag, attributes in found.seen:
            assert not {"src", "style", "onclick", "srcset"} & set(attributes)
            assert tag == "a" or "href" not in attributes


def test_it_can_be_read_by_everybody():
    text = export.render(Page(FILLED), "html", Audience.TEAM)
    found = Outline(text)
    tags = [tag for tag, _ in found.seen]
    assert ("html", {"lang": "en"}) in found.seen
    assert tags.count("h1") == tags.count("main") == tags.count("title") == 1
    assert [t for t in tags if re.fullmatch("h[1-6]", t)] == ["h1"] + ["h2"] * 9
    assert all(attributes.get("scope") == "col" for tag, attributes in found.seen if tag == "th")
    assert "default-src 'none'" in text
    assert "url(" not in text
    assert "@import" not in text
    assert "@page { size: A4" in text
    assert "prefers-color-scheme: dark" in text


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    parts = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(scheme):
    palettes = [dict(re.findall(r"--(\w+): (#\w{6})", p)) for p in _STYLE.split("@media")[:2]]
    colours = palettes[scheme]
    for name in ("text", "quiet", "link", "open"):
        for back in ("back", "code"):
            light, dark = sorted((luminance(colours[name]), luminance(colours[back])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, back)
