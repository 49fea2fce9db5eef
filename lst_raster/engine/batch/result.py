"""What became of one scene of a batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from lst_raster.engine.retrieve import Product
from lst_raster.errors import LstRasterError
from lst_raster.scene.lists.listed import ListedScene

Status = Literal["ok", "kept", "failed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SceneResult:
    """What became of one scene."""

    scene: ListedScene
    """The scene."""
    product: Product | None = None
    """Its product, None where it failed."""
    error: LstRasterError | None = None
    """Why it failed, None where it went well."""
    seconds: float = 0.0
    """Time of the last attempt. [s]"""
    attempts: int = 1
    """How often it was tried."""
    mean: float | None = None
    """Mean temperature of the product, None where there is none. [K]"""
    log: str = field(default="", repr=False)
    """What was said on the way, line by line, in all attempts."""

    @property
    def status(self) -> Status:
        """``ok``, ``kept`` where the product existed already and was made of the same inputs, or ``failed``."""
        if self.product is None:
            return "failed"
        return "kept" if self.product.reused else "ok"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was assumed for the product, and what is unusual, one line each."""
        return self.product.warnings if self.product is not None else ()
