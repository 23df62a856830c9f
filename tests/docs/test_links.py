"""Every page can be reached, and leads somewhere."""

import re

import docpages
import pytest


def name_of(path):
    """Name a page in a test's id."""
    return str(path.relative_to(docpages.ROOT))


@pytest.mark.parametrize("page", docpages.pages(), ids=name_of)
def test_every_relative_link_and_anchor_resolves(page):
    """A link names a file of the repository, and its anchor a heading of that page."""
    broken = []
    for link in docpages.links(page.read_text(encoding="utf-8")):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.is_file():
            broken.append(link)
        elif fragment and target.suffix == ".md":
            content = target.read_text(encoding="utf-8")
            if fragment not in {docpages.anchor(heading) for heading in docpages.headings(content)}:
                broken.append(link)

    assert broken == []


REFUSED = re.compile(r"""\]\([^)\s]+\s+["'(]|\]\[[^\]]*\]|^ *\[[^\]]+\]:\s|<(?:a|img|link)\b""", re.M | re.I)
"""Links with titles, links by reference, HTML: whatever `docpages.links` would not see."""


def forms_refused(content):
    """Return the beginnings of links that are written in a form which nobody checks."""
    return REFUSED.findall(re.sub(r"`[^`\n]*`", "", docpages.prose(content)))


@pytest.mark.parametrize("page", docpages.pages(), ids=name_of)
def test_every_link_is_written_in_the_one_form_that_is_checked(page):
    """`[text](target)`, and nothing else."""
    assert forms_refused(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "content",
    [
        '[x](nofile.md "title")',
        "[x](nofile.md 'title')",
        "[x][nofile]",
        "[nofile][]",
        "[nofile]: nofile.md",
        '<a href="nofile.md">x</a>',
        "<img src='nofile.png'>",
    ],
)
def test_another_form_of_a_link_is_refused(content):
    """Each way to write a link that the check of links would miss."""
    assert len(forms_refused(f"See\n{content}\n")) == 1


def test_every_page_is_linked_from_another_one():
    """Nobody finds a page that no other page names."""
    linked = set()
    for page in docpages.pages():
        for link in docpages.links(page.read_text(encoding="utf-8")):
            path = link.partition("#")[0]
            if path and not path.startswith("http"):
                linked.add((page.parent / path).resolve())
    orphans = [name_of(page) for page in docpages.pages() if page not in linked]

    assert orphans == [name for name in orphans if name == "README.md"]


def test_no_page_has_two_headings_of_one_anchor():
    """A link to an anchor means one place."""
    for page in docpages.pages():
        anchors = [docpages.anchor(title) for title in docpages.headings(page.read_text(encoding="utf-8"))]
        # a changelog repeats its headings for every version by design
        if page.name != "CHANGELOG.md":
            assert len(set(anchors)) == len(anchors), name_of(page)


def test_the_picture_asks_nobody_for_anything():
    """The picture shows without the network: no font, style sheet or script of another host."""
    svg = docpages.text("docs/images/demo.svg")
    loads = [word for word in ("@import", "@font-face", "<script", "href=", "url(http") if word in svg]

    assert loads == []
    said = svg.replace("&#160;", " ")
    assert "The backup is recorded and copied, and the standby equals the primary." in said
