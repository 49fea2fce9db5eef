"""A page to draw on: its margins, its letters, its title."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

from PIL import Image, ImageDraw, ImageFont

Picture: TypeAlias = Image.Image
Colour: TypeAlias = tuple[int, int, int]

MARGIN, GAP, LINE, TICK = 16, 14, 22, 5
"""Edge of the page, room below the title, height of a line, length of an axis's marks. [pixel]"""
TEXT, TITLE = 13, 16
"""Size of the letters. [pixel]"""
WHITE: Colour = (255, 255, 255)
INK: Colour = (34, 34, 34)

_NARROWEST = 420  # [pixel], so that titles have room


def page(width: int, height: int, title: str) -> tuple[Picture, ImageDraw.ImageDraw, int]:
    """White page with a title, room for a line below, and where the drawing begins."""
    top = MARGIN + LINE + GAP
    picture = Image.new("RGB", (max(width, _NARROWEST) + 2 * MARGIN, top + height + LINE + MARGIN), WHITE)
    pen = ImageDraw.Draw(picture)
    pen.text((MARGIN, MARGIN), fitting(title, picture.width - 2 * MARGIN), INK, letters(TITLE))
    return picture, pen, top


def fitting(text: str, width: float, size: int = TITLE) -> str:
    """Shorten a text in its middle, where file names differ least, until it fits."""
    font, kept = letters(size), len(text)
    shown = text
    while font.getlength(shown) > width and kept > 2:
        kept -= 1
        shown = f"{text[: (kept + 1) // 2]}…{text[-(kept // 2) :]}"
    return shown


@cache
def letters(size: int) -> Any:
    """Letters of a size; they come with Pillow, so that they are the same everywhere."""
    return ImageFont.load_default(size)
