"""Reading the commands of the documents: what stands in bash blocks and in back-ticks, as words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import docpages

PROGRAMS = ("az", "azd", "curl", "make", "python", "python3", ".venv/bin/python")

_BLOCK = re.compile(r"^(?P<indent> *)```(?:bash|sh)\n(?P<body>.*?)^(?P=indent)```", re.M | re.S)
_SPAN = re.compile(r"`([^`\n]+)`")
_WORD = re.compile(
    r"""
    (?P<word> (?: "(?: \\. | [^"\\] )*" | '[^']*' | \$\( | \$\{[^}]*\} | \\. | [^\s"'|&;()] )+ )
  | (?P<end> \|\| | && | [|&;()\n] )
    """,
    re.X,
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its program, its other words without their quotes, and the page it stands on."""

    page: str
    words: tuple[str, ...]
    environment: tuple[str, ...] = ()
    """Assignments before it, such as `SCENARIO=night`."""

    @property
    def program(self) -> str:
        """The program's name."""
        return self.words[0]

    @property
    def options(self) -> set[str]:
        """The words that begin with a hyphen, without what is joined to them with `=`."""
        return {word.partition("=")[0] for word in self.words[1:] if re.match(r"--?[a-zA-Z]", word)}

    def __str__(self) -> str:
        return f"{self.page}: {' '.join(self.words)[:160]}"


def all_commands(*programs: str) -> list[Command]:
    """Return every command of these programs in every page, in blocks and in back-ticks."""
    found = []
    for page in docpages.pages():
        name = str(page.relative_to(docpages.ROOT))
        found += list(commands_of(page.read_text(encoding="utf-8"), name))
    return [one for one in found if not programs or one.program in programs]


def commands_of(content: str, page: str) -> Iterator[Command]:
    """Yield the commands of one page."""
    for block in _BLOCK.finditer(content):
        yield from commands_in(block["body"], page)
    for span in _SPAN.findall(docpages.prose(content)):
        if span.split(" ")[0] in PROGRAMS and " " in span:
            yield from commands_in(span, page)


def commands_in(script: str, page: str) -> Iterator[Command]:
    """Yield the commands of a script: of pipes and lists each one, and those inside of `$(…)`."""
    script = re.sub(r"\\\n\s*", " ", script)
    script = re.sub(r"(^|\s)#[^\n]*", r"\1", script)
    for inner in re.findall(r"\$\(([^()]*(?:\([^()]*\)[^()]*)*)\)", script):
        yield from commands_in(inner, page)
    script = re.sub(r"\$\([^()]*(?:\([^()]*\)[^()]*)*\)", "$SUBSTITUTED", script)
    words: list[str] = []
    for match in _WORD.finditer(f"{script}\n"):
        if match["end"]:
            yield from _command(words, page)
            words = []
        else:
            words.append(_unquoted(match["word"]))


def _command(words: list[str], page: str) -> Iterator[Command]:
    first = next((place for place, word in enumerate(words) if not _ASSIGNMENT.match(word)), len(words))
    rest = tuple(words[first:])
    if rest and rest[0] in PROGRAMS:
        yield Command(page, rest, tuple(words[:first]))


def _unquoted(word: str) -> str:
    return re.sub(r"\"((?:\\.|[^\"\\])*)\"|'([^']*)'", lambda found: found[1] or found[2] or "", word)
