"""Path fields that start from the folder of the file that says them."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

FOLDER_CONTEXT_KEY = "folder"


def resolve_path(path: Path | str, folder: Path) -> Path:
    """Return ``path`` made absolute: ``~`` is the home folder, a relative path starts from ``folder``."""
    return Path(os.path.normpath(folder / Path(path).expanduser()))


def _from_folder(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get(FOLDER_CONTEXT_KEY)
    return path if folder is None else resolve_path(path, folder)


ConfigPath = Annotated[Path, AfterValidator(_from_folder)]
"""A path in a configuration: absolute, ``~/…``, or relative to the file's folder. Defaults are taken as they are."""
