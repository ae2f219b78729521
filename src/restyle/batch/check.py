"""Check a row before it is painted: what it reads, and what its result would replace."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from restyle.batch.journal import Finished, is_finished
from restyle.batch.keys import files, row_key
from restyle.batch.names import check_inside
from restyle.batch.results import is_intact, left_tiles, sha256
from restyle.batch.rows import Medium, Row
from restyle.errors import OutputError, RestyleError
from restyle.files import check_output, check_readable
from restyle.images.looks import load_look
from restyle.models.style_files import is_path, split_weight


def check_target(row: Row, earlier: Finished | None, folder: Path, *, overwrite: bool) -> Path | None:
    """Check that a result may be written; return a folder of a killed run that is to be removed first.

    Parameters
    ----------
    row : Row
    earlier : Finished or None
        Entry of the journal for this output.
    folder : Path
        The output folder.
    overwrite : bool
        Whether existing files may be replaced.

    Raises
    ------
    OutputError
        Something is there that may not be replaced.
    """
    target = folder / row.output
    if not overwrite and earlier is not None and is_intact(target, earlier.sha256, earlier.size):
        raise OutputError(
            f"cannot write {target}: it is finished, but from another content, style, options or version;"
            " choose another folder or pass overwrite=True"
        )
    check_output(target, overwrite=overwrite, inputs=[row.content, *files(row)])
    return None if overwrite else left_tiles(target, earlier.sha256 if earlier else None)


def is_left(row: Row, earlier: Finished | None, folder: Path, *, overwrite: bool) -> bool:
    """Tell whether a row is still to be done; for `--dry-run`, so nothing is written.

    Parameters
    ----------
    row, earlier, folder, overwrite
        As for `check_target`.

    Raises
    ------
    RestyleError, OSError
        The row cannot be done.
    """
    target, remote = folder / row.output, "://" in row.content
    if not remote:
        check_readable(row.content)
    if earlier is not None and not remote:
        key = row_key(row, sha256(Path(row.content)))
        if is_finished(earlier, key, target):
            return False
    if (look := dict(row.options).get("look")) is not None:
        load_look(look)
    needed = not row.regions and look is None
    for text in row.styles or ([""] if needed else []):
        if problem := _style_problem(split_weight(text)[0], row.medium, row.model):
            raise RestyleError(problem)
    check_inside(folder, target)
    if target.parent.is_dir():
        check_target(row, earlier, folder, overwrite=overwrite)
    return True


@lru_cache(maxsize=4096)
def _style_problem(name: str, medium: Medium, model: str) -> str:
    """Say what is wrong with the name of a style, or with none ("", for a network of one style).

    Pictures are not read.
    """
    from restyle.sounds.sources import preset_path
    from restyle.style import resolve, resolve_all

    try:
        if not name:
            resolve_all(None, model=model)
        elif is_path(name) or os.path.lexists(name):
            check_readable(name)
        elif medium == "sound":
            preset_path(name)
        else:
            resolve(name, model=model)
    except RestyleError as error:
        return str(error)
    return ""
