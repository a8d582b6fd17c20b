"""Prose as HTML: the Markdown that a page needs, everything escaped, no hang on any text."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migsafe.incident.prose import html, inline

ALLOWED = {
    "p", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em", "strong", "a",
}  # fmt: skip


class Tags(HTMLParser):
    """Which tags and attributes there are, whether they nest, and the text between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        raise AssertionError(data)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("one\ntwo\n\nthree", "<p>one\ntwo</p>\n<p>three</p>"),
        ("# Big #\ntext", "<h3>Big</h3>\n<p>text</p>"),
        ("#### Small", "<h4>Small</h4>"),
        ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
        ("text:\n* a\n* b", "<p>text:</p>\n<ul><li>a</li><li>b</li></ul>"),
        ("3. a\n4) b", '<ol start="3"><li>a</li><li>b</li></ol>'),
        ("- a\n\n- b", "<ul><li>a</li><li>b</li></ul>"),
        ("- a\n1. b", "<ul><li>a</li></ul>\n<ol><li>b</li></ol>"),
        ("- a\n  more\n  - c", "<ul><li>a\nmore\n<ul><li>c</li></ul></li></ul>"),
        ("- a\n\ntext", "<ul><li>a</li></ul>\n<p>text</p>"),
        ("> a\n> - b", "<blockquote><p>a</p>\n<ul><li>b</li></ul></blockquote>"),
        (
            "```sql\nSELECT 1\n\n  < 2\n```\nx",
            "<pre><code>SELECT 1\n\n  &lt; 2</code></pre>\n<p>x</p>",
        ),
        ("```\nnever closed", "<pre><code>never closed</code></pre>"),
        ("*a* **b** _c_ `d*`", "<p><em>a</em> <strong>b</strong> <em>c</em> <code>d*</code></p>"),
        ("``a`b``", "<p><code>a`b</code></p>"),
        ("2 * 3 * 4, snake_case_name", "<p>2 * 3 * 4, snake_case_name</p>"),
        (
            "[*a*](https://x.y/?a&b)",
            '<p><a href="https://x.y/?a&amp;b" rel="noreferrer"><em>a</em></a></p>',
        ),
        (
            "see https://x.y/a_b_c.",
            '<p>see <a href="https://x.y/a_b_c" rel="noreferrer">https://x.y/a_b_c</a>.</p>',
        ),
        ("<https://x.y>", '<p><a href="https://x.y" rel="noreferrer">https://x.y</a></p>'),
        ("[a](mailto:a@b.c)", '<p><a href="mailto:a@b.c" rel="noreferrer">a</a></p>'),
        ("[a](javascript:alert)", "<p>[a](javascript:alert)</p>"),
        ("<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ('<img src="x">', "<p>&lt;img src=&quot;x&quot;&gt;</p>"),
        ("", ""),
    ],
)
def test_what_people_write(text, wanted):
    assert html(text) == wanted


PIECES = st.sampled_from(
    ["*", "**", "_", "`", "``", "```", "[", "](", ")", "<", ">", "&", '"', "'", "https://", "a",
     " ", "\n", "\n\n", "\n- ", "\n  - ", "\n1. ", "\n> ", "\n# ", "javascript:",
     "<!--", "-->", "\\", "\t"]
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(st.lists(PIECES | st.text(max_size=3), max_size=30).map("".join))
def test_any_text_gives_sound_html(text):
    for found in (Tags(html(text)), Tags(inline(text))):
        assert found.open == []
        assert found.seen <= ALLOWED
        for name, value in found.attributes:
            assert name in {"href", "rel", "start"}
            assert name != "href" or (value or "").lower().startswith(
                ("http://", "https://", "mailto:")
            )


@settings(deadline=None, max_examples=100)
@given(st.text(st.characters(categories=("L", "N", "P", "S")), max_size=30))
def test_text_in_code_is_never_changed(text):
    text = text.replace("`", "")
    assert Tags(html(f"```\nx{text}\n```")).text == f"x{text}"


@pytest.mark.parametrize(
    "text",
    ["`" * 40_000, "*a" * 20_000, "**" * 20_000, "_a " * 15_000, "[" * 40_000, "[a](" * 10_000,
     "# " + "# " * 20_000 + "x", "> " * 20_000, "- " * 20_000, "\n- a" * 5_000, "\n" * 40_000,
     "https://" * 6_000, "\n```" * 5_000, "a" * 100_000],
    ids=lambda text: repr(text[:6]),
)  # fmt: skip
def test_a_long_text_ends_in_time(text):
    assert html(text) is not None
