"""
Text of others inside of Markdown: it is shown as it is, and is neither heading, link, image nor HTML.

Names come from whoever may change a service or its tags. Whatever cannot be printed, line ends and marks that
turn the direction of writing among it, becomes a question mark; so a text of others is always one line.
"""

from __future__ import annotations

import re

_URL = re.compile(r"((?:https?|ftp)://[^\s,;]+)", re.IGNORECASE)
"""Bare addresses would become links; they are shown letter by letter."""

_ACTIVE = re.compile(r"[\\`*_\[\]<>&~|@]|(?<=[wW]{3})\.")
"""What begins something in the middle of a line."""


def plain(text: str) -> str:
    """Return a sentence for the middle of a line."""
    parts = _URL.split(_printable(text))
    return "".join(
        code(part) if number % 2 else _ACTIVE.sub(r"\\\g<0>", part) for number, part in enumerate(parts)
    )


def code(text: str) -> str:
    """Return a name or a value, to be read letter by letter."""
    if not text:
        return "(empty)"
    shown = _printable(text)
    fence = "`" * (_longest(shown) + 1)
    ends = shown[0] + shown[-1]
    # a space at both ends is taken off again; it keeps backticks from the fence, and spaces where they are
    pad = " " if "`" in ends or (ends == "  " and shown.strip(" ")) else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def block(line: str, language: str = "sh") -> list[str]:
    """Return the lines of a block that holds one line for a shell."""
    shown = _printable(line)
    fence = "`" * max(3, _longest(shown) + 1)
    return [f"{fence}{language}", shown, fence]


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _longest(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)
