"""Check the site that mkdocs has built: ``python -m tests.docs.built_site FOLDER``.

Every internal link must lead to an existing page and anchor; all resources of a page must be in the folder, so that it
can be read without a network. External links are listed, and only their syntax is checked.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

NEEDED = {"script": "src", "img": "src", "link": "href", "source": "src", "iframe": "src"}
UNNEEDED_RELATIONS = {"canonical", "next", "prev", "alternate"}  # of <link>: informative, not loaded


class Page(HTMLParser):
    """Anchors and references of a page."""

    def __init__(self, path):
        super().__init__()
        self.names, self.links, self.needed = set(), set(), set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.names.update(value for key in ("id", "name") if (value := found.get(key)))
        if tag == "a" and found.get("href"):
            self.links.add(found["href"])
        if tag in NEEDED and found.get(NEEDED[tag]) and found.get("rel") not in UNNEEDED_RELATIONS:
            self.needed.add(found[NEEDED[tag]])


def is_elsewhere(address):
    parts = urlsplit(address)
    return bool(parts.scheme or parts.netloc)


def is_well_formed(address):
    parts = urlsplit(address)
    host = parts.hostname or ""
    return parts.scheme in ("https", "http") and "." in host and " " not in address and host != "localhost"


def check(folder):
    """Find the faults (one per line) and the external addresses of a built site."""
    pages = {path: Page(path) for path in sorted(folder.rglob("*.html"))}
    faults = [] if pages else [f"{folder} has no page"]
    elsewhere = set()
    for path, page in pages.items():
        name = path.relative_to(folder)
        faults += [f"{name} needs {address}" for address in page.needed if is_elsewhere(address)]
        elsewhere |= {address for address in page.links if is_elsewhere(address)}
        for address in page.links | page.needed:
            if not is_elsewhere(address) and (fault := broken(folder, path, pages, address)):
                faults.append(f"{name}: {address} {fault}")
    faults += [f"{address} is not a valid address" for address in elsewhere if not is_well_formed(address)]
    return sorted(faults), sorted(elsewhere)


def broken(folder, path, pages, address):
    """Fault of an internal link; empty if it is valid."""
    parts = urlsplit(address)
    where = unquote(parts.path)
    target = path if not where else (folder / where[1:] if where.startswith("/") else path.parent / where).resolve()
    target = target / "index.html" if target.is_dir() else target
    if not target.is_file():
        return "does not exist"
    if parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].names:
        return "is not an anchor of that page"
    return ""


def main(folder):
    """Print links and faults; the exit code is 1 if there are faults."""
    faults, elsewhere = check(Path(folder).resolve())
    lines = [*(f"elsewhere: {address}" for address in elsewhere), *faults]
    sys.stdout.write("\n".join([*lines, f"{len(elsewhere)} links to other sites, {len(faults)} faults"]) + "\n")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main(sys.argv[1])
