"""Files that are written whole or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lst_raster.errors import OutputError


@contextmanager
def atomic_write(target: Path) -> Iterator[Path]:
    """Give a temporary path beside a target, and rename it to the target when the block ends well.

    Parameters
    ----------
    target : Path
        File to be written; what stood there stays until the new one is complete.

    Yields
    ------
    Path
        Where to write.

    Raises
    ------
    OutputError
        The operating system refuses; the message says why, and nothing is left behind.
    """
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
        temporary.replace(target)
    except FileNotFoundError as error:
        if temporary.parent.is_dir():
            raise  # not about the target: an input is missing
        raise OutputError(f"cannot write {target}: the folder {target.parent} does not exist") from error
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
