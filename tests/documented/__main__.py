"""Report how many commands and Python blocks of the pages are run in tests, and which are not, with the reason."""

import sys

from tests.documented.pages import blocks_of, pages


def lines():
    """The report."""
    blocks = [block for page in pages() for block in blocks_of(page)]
    left = [block for block in blocks if block.not_run is not None]
    by_ci = sum(block.pieces for block in blocks if not block.runs and block.not_run is None)
    count = sum(block.pieces for block in blocks)
    yield f"{count} commands and Python blocks on {len(pages())} pages; {by_ci} are run by .ci/run itself"
    yield f"{sum(block.pieces for block in left)} not run, only compared with options, functions and files:"
    for block in left:
        yield f"  {block.place} ({block.pieces}): {block.not_run}"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in lines())
