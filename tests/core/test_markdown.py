"""Text of others inside of Markdown, judged by a parser of Markdown."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from shared.core.markdown import block, code, plain

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])

NASTY = st.text(
    st.one_of(st.sampled_from("`*_[]()<>&|~#!\\-+.:/@ \n\r\t=1w"), st.characters()), max_size=40
) | st.sampled_from(
    [
        "](https://evil.example)",
        "![x](y)",
        "<script>",
        "&lt;",
        "# title",
        "``` sh",
        "a\n\n# b",
        "\u202egnp",
        "www.evil.example",
        "`https://a`",
        "| a | b |\n|---|---|",
    ]
)


def shown(text: str) -> str:
    """Return what a reader should see of a text."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def inline(line: str) -> list[Token]:
    """Return what is in the one list item that a line should be."""
    tokens = PARSER.parse(line)
    kinds = [token.type for token in tokens]
    item = ["list_item_open", "paragraph_open", "inline", "paragraph_close", "list_item_close"]
    assert kinds == ["bullet_list_open", *item, "bullet_list_close"], kinds
    return tokens[3].children or []


@given(NASTY)
@example("\\`https://x`y")
def test_a_sentence_is_one_line_of_text_and_nothing_else(text: str) -> None:
    """No emphasis, link, image, HTML, heading, table or second line, whatever stands in it."""
    found = inline(f"- It: {plain(text)}.")

    assert {token.type for token in found} <= {"text", "code_inline"}
    assert "".join(token.content for token in found) == f"It: {shown(text)}."


@given(NASTY)
@example(" ")
@example(" a ")
@example("` `")
def test_a_name_is_shown_letter_by_letter(text: str) -> None:
    """Exactly as it is called, in code."""
    found = inline(f"- It: {code(text)}.")

    if text:
        assert [token.content for token in found if token.type == "code_inline"] == [shown(text)]
    assert {token.type for token in found} <= {"text", "code_inline"}


@given(NASTY)
def test_a_line_for_a_shell_stays_in_its_block(text: str) -> None:
    """One block with one line, also inside a list."""
    lines = ["- It.", "", *("  " + line for line in block(text)), "", "# after"]
    (fence,) = [token for token in PARSER.parse("\n".join(lines)) if token.type == "fence"]

    assert (fence.info, fence.content) == ("sh", shown(text) + "\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("see https://a.example/x_y, then", "see `https://a.example/x_y`, then"),
        ("WWW.evil.example", "WWW\\.evil.example"),
        ("mail@evil.example", "mail\\@evil.example"),
    ],
)
def test_addresses_become_no_links(text: str, said: str) -> None:
    """Parsers of the web's kind make links out of bare addresses."""
    assert plain(text) == said
