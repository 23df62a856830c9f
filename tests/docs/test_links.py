"""Every page can be reached, and leads somewhere."""

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
