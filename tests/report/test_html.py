"""The page: whole, harmless, readable without colours, and the same as the text says."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

from migsafe.model.report import MutationScore, Report, Rewrite, Unnoticed
from migsafe.report import html, text
from tests.report.reports import BLOCKER, HOSTILE_REPORT, HOTFIX, REPLAY, REPORT

EMPTY = {"meta"}


class Page(HTMLParser):
    """The page as a tree is read: tags that stand open, and the text outside of the style."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def page_of(report: Report) -> Page:
    return Page(html.render(report))


def test_it_needs_nothing_from_elsewhere():
    page = page_of(HOSTILE_REPORT)
    assert not {"script", "link", "img", "iframe", "object", "a", "form"} & set(page.tags)
    assert not {"src", "href", "style"} & {name for name, _ in page.attributes}
    assert not any(name.startswith("on") for name, _ in page.attributes)
    style = html.render(REPORT).partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert ("http-equiv", "Content-Security-Policy") in page.attributes


def test_light_dark_and_paper_and_a_language():
    raw = html.render(REPORT)
    for part in ('<html lang="en">', "prefers-color-scheme: dark", "@media print", "<title>"):
        assert part in raw
    page = page_of(REPORT)
    assert page.tags.count("h1") == page.tags.count("main") == 1
    assert page.tags.count("th") > 0
    heads = raw.count('<th scope="')
    assert heads == raw.count("<th ")


def test_colours_have_enough_contrast():
    style = html.render(REPORT).partition("<style>")[2].partition("</style>")[0]
    schemes = re.findall(r":root \{(.*?)\}", style, re.S)
    assert len(schemes) == 3
    for scheme in schemes:
        colour = dict(re.findall(r"--(\w+): (#\w+)", scheme))
        for name in ("text", "quiet", "bad", "warn", "good", "note"):
            for back in ("back", "code"):
                assert contrast(colour[name], colour[back]) >= 4.5, (name, colour)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours as WCAG 2.1 counts it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * c for c in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_it_says_what_the_text_says():
    page = page_of(REPORT).text
    for line in text.render(REPORT, verbosity=1).splitlines():
        said = re.sub(r"^ *(\d+ )?\|( \^)? ?|^(not run|note): ", "", line).strip()
        said = re.sub(r" +", " ", said)
        assert said in page, said


def test_the_failures_by_version():
    page = page_of(REPORT).text
    assert "failure where base 0001" in page
    assert (
        "raised: UNIQUE constraint failed: users.email (the app would not start)"
        " migrations/0002_b.sql:12 1 of 1 1 of 2"
    ) in page


def test_mutants_rewrites_hotfix_and_the_share_that_passes():
    replay = replace(REPLAY, mutants=MutationScore(9, (Unnoticed("m.sql", 3, "left out"),)))
    rewrites = (Rewrite("scans", "m.sql", 7, "CONCURRENTLY", True),)
    report = replace(
        REPORT, findings=(BLOCKER,), replay=replay, rewrites=rewrites, fix_for=HOTFIX, max_blast=1.0
    )
    page = page_of(report).text
    for said in (
        "8 of 9 noticed",
        "m.sql:3 left out",
        "fixed: m.sql:7 scans (CONCURRENTLY)",
        "updated and broken: 1 of 2 databases fails",
        "does not fail: within --max-blast",
    ):
        assert said in page


def test_any_text_stays_text():
    raw = html.render(HOSTILE_REPORT)
    assert "<script" not in raw
    assert all(line.isprintable() for line in raw.splitlines())
    assert "<script>x</script>" in page_of(HOSTILE_REPORT).text
