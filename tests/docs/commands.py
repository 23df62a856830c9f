"""Reading the commands of the documents: what stands in bash blocks and in back-ticks, as words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import docpages

PYTHONS = ("python", "python3", "python3.13", ".venv/bin/python")
PROGRAMS = ("az", "azd", "curl", "make", *PYTHONS)
OTHERS = frozenset(
    {
        "cat",
        "cp",
        "dig",
        "gh",
        "git",
        "grep",
        "head",
        "ls",
        "mkdir",
        "rm",
        "sed",
        "sha256sum",
        "sleep",
        "tail",
        "tee",
        "tr",
        "unzip",
    }
    | {"xargs", "zip"}
    | {":", "[", "[[", "cd", "do", "done", "echo", "eval", "export", "fi", "for", "read", "source", "umask"}
)
"""Programs that a page may call beside them, and words of the shell."""

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
_FUNCTION = re.compile(r"^ *(\w+)\(\)", re.M)
_BEFORE = frozenset({"do", "then", "else", "elif", "if", "while", "until", "!", "{", "}"})
"""Words of the shell behind which a command begins."""


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
    return [one for one in found if one.program in (programs or PROGRAMS)]


def unknown_programs(content: str, shell: str) -> list[str]:
    """Return the first words of a page's blocks that are on no list, and no functions of its shell."""
    known = {*PROGRAMS, *OTHERS, *_FUNCTION.findall(shell)}
    for block in _BLOCK.finditer(content):
        known |= set(_FUNCTION.findall(block["body"]))
    found = {one.program for block in _BLOCK.finditer(content) for one in commands_in(block["body"], "")}
    return sorted(found - known)


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
    script = re.sub(r"^ *\w+\(\)", "", script, flags=re.M)
    while "$(" in script:
        begin = script.index("$(")
        end = _end_of(script, begin + 1)
        yield from commands_in(script[begin + 2 : end], page)
        script = f"{script[:begin]}$SUBSTITUTED{script[end + 1 :]}"
    words: list[str] = []
    for match in _WORD.finditer(f"{script}\n"):
        if match["end"]:
            yield from _command(words, page)
            words = []
        else:
            words.append(_unquoted(match["word"]))


def _end_of(script: str, opened: int) -> int:
    """Return the place of the bracket that closes the one that is opened there."""
    depth = 0
    for place in range(opened, len(script)):
        depth += {"(": 1, ")": -1}.get(script[place], 0)
        if depth == 0:
            return place
    raise ValueError(f"nothing closes {script[opened - 1 : opened + 60]!r}")


def _command(words: list[str], page: str) -> Iterator[Command]:
    while words and words[0] in _BEFORE:
        words = words[1:]
    first = next((place for place, word in enumerate(words) if not _ASSIGNMENT.match(word)), len(words))
    rest = tuple(words[first:])
    if rest:
        yield Command(page, rest, tuple(words[:first]))
    if rest[:1] == ("xargs",):
        yield from _command([word for word in rest[1:] if word != "-r"], page)


def _unquoted(word: str) -> str:
    return re.sub(r"\"((?:\\.|[^\"\\])*)\"|'([^']*)'", lambda found: found[1] or found[2] or "", word)
