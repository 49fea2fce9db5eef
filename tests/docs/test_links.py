"""Links of the documents in the repository: files and headings exist, addresses are valid."""

import re
from pathlib import Path

import pytest

from tests.docs.built_site import is_elsewhere, is_well_formed

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("docs", "models", "examples", "lst_raster/data")
DOCUMENTS = [
    *sorted(ROOT.glob("*.md")),
    *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.md"))),
]
_LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)")


def prose(text):
    """Document without code blocks, in which brackets are not links."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"(?<=\n\n)(?: {4}.*\n|\n(?= {4}))+", "", text)
    return re.sub(r"`[^`\n]*`", "code", text)


def headings(path):
    """Anchors of the headings of a document, as in mkdocs."""
    found = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", re.sub("`", "", text)).strip().lower()) for text in found}


def links(path):
    return _LINK.findall(prose(path.read_text()))


def fault(path, link):
    if is_elsewhere(link):
        return "" if is_well_formed(link) else "is not a valid address"
    name, _, anchor = link.partition("#")
    target = path.parent / name if name else path
    if not target.exists():
        return "does not exist"
    return "" if not anchor or anchor in headings(target) else "is not a heading of that page"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_is_valid(path):
    assert [f"{link} {why}" for link in links(path) if (why := fault(path, link))] == []


def test_the_documents_have_links():
    assert sum(len(links(path)) for path in DOCUMENTS) > 100


def test_each_fault_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# A page\n\n[a](page.md#a-page) [b](gone.md) [c](#no-heading) [d](https://localhost/)\n\n    [e](code.md)\n"
    )
    found = [(link, fault(page, link)) for link in links(page)]
    assert found == [
        ("page.md#a-page", ""),
        ("gone.md", "does not exist"),
        ("#no-heading", "is not a heading of that page"),
        ("https://localhost/", "is not a valid address"),
    ]
