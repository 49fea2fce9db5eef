"""Files that are written completely or not at all."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lst_raster.errors import OutputError


@contextmanager
def atomic_write(target: Path) -> Iterator[Path]:
    """Yield a temporary path in the target's folder; rename it to the target when the block succeeds.

    An existing target stays until then. Raises OutputError where the operating system does not allow it; no temporary
    file remains.
    """
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
        temporary.replace(target)
    except FileNotFoundError as error:
        if temporary.parent.is_dir():
            raise  # an input is missing
        raise OutputError(f"cannot write {target}: the folder {target.parent} does not exist") from error
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
