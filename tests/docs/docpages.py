"""Reading the documents: pages, headings as anchors, links, tables. Nothing of the app is imported here."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^ *(```|~~~)")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def pages() -> list[Path]:
    """Return every Markdown page of the repository."""
    return [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]


def text(name: str) -> str:
    """Return one page, named from the repository's root."""
    return (ROOT / name).read_text(encoding="utf-8")


def prose(content: str) -> str:
    """Return a page without its fenced blocks."""
    kept: list[str] = []
    is_code = False
    for line in content.splitlines():
        if _FENCE.match(line):
            is_code = not is_code
        elif not is_code:
            kept.append(line)
    return "\n".join(kept)


def fenced(content: str, language: str) -> list[str]:
    """Return the blocks of one language, without a final newline."""
    return [block.rstrip("\n") for block in re.findall(rf"^```{language}\n(.*?)^```$", content, re.M | re.S)]


def headings(content: str, level: int | None = None) -> list[str]:
    """Return the headings of a page, of one level or of all."""
    found = re.findall(r"^(#+) +(.+?) *$", prose(content), re.M)
    return [title for marks, title in found if level in {None, len(marks)}]


def anchor(heading: str) -> str:
    """Return the anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower()).replace(" ", "-")


def links(content: str) -> list[str]:
    """Return the targets of a page's links and images."""
    return _LINK.findall(re.sub(r"`[^`\n]*`", "", prose(content)))


def section(content: str, title: str) -> str:
    """Return what stands under a heading, up to the next one of its level or above."""
    match = re.search(rf"^(#+) {re.escape(title)}$", content, re.M)
    if match is None:
        raise AssertionError(f"there is no heading {title!r}")
    rest = content[match.end() :]
    end = re.search(rf"^#{{1,{len(match[1])}}} ", rest, re.M)
    return rest[: end.start()] if end else rest


def first_cells(content: str) -> list[str]:
    """Return the first cell of every row of a page's tables that holds one name in back-ticks."""
    return re.findall(r"^\| `([^`|]+)` \|", content, re.M)


def tracked() -> list[Path]:
    """Return every file that is, or could be, in the repository: git's own view, ignored files left out."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    names = [name for name in done.stdout.decode().split("\0") if name]
    return [ROOT / name for name in names if (ROOT / name).is_file()]
