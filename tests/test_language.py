"""Words of a private idiom stay out of code, pages and messages; see "Language" in docs/contributing.md.

Tests are not covered."""

import re
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
KINDS = (".py", ".md", ".toml", ".html", ".js", ".sh", ".yml", ".cff")
WORDS = re.compile(
    r"\b(?:tell|tells|told|lest|nor|mend|mends|mended|beside|whatever|nobody|anew|learnt|moisture|warmth"
    r"|at hand|for want of|held against|left alone|made again|how sure|a user's own|of (?:its|their|our|your) own)\b"
    r"|\b(?:of|in|on|through|from) the air\b(?! (?:temperature|pressure|mass|density|width|at 2 m))",
    re.IGNORECASE,
)
EXCEPTIONS = {"CHANGELOG.md": frozenset({"mend"}), "DATA-LICENCES.md": frozenset({"nor"})}
"""Words that a file needs: names and quotations of others."""


def files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=TOP, capture_output=True, text=True, check=True
    ).stdout
    return [
        name
        for name in listed.splitlines()
        if name.endswith(KINDS) and not name.startswith("tests/") and (TOP / name).is_file()
    ]


@pytest.mark.parametrize("name", files())
def test_the_listed_words_stay_out(name):
    found = [
        f"line {number}: {match[0]}"
        for number, line in enumerate((TOP / name).read_text(encoding="utf-8").splitlines(), 1)
        for match in WORDS.finditer(line.replace("`", ""))
        if match[0].lower() not in EXCEPTIONS.get(name, ())
    ]
    assert not found
