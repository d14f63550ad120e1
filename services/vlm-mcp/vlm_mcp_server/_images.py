"""Pictures that may be asked about: only files in allowed folders, re-encoded so that nothing but pixels leaves."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

_JPEG_QUALITY = 85
# A 4K picture without any compression is 25 MB.
_MAX_FILE_BYTES = 64 * 1024 * 1024


class ImageError(Exception):
    """A picture cannot be asked about; the message is the tool's answer."""


def load_jpeg(path_text: str, folders: Sequence[Path]) -> bytes:
    """Return the picture as JPEG. Blocking: call it from a thread.

    Raises:
        ImageError: no path, outside ``folders`` (links and ``..`` followed), not there, or no picture.
    """
    if not path_text.strip():
        raise ImageError("image_path is empty; give the path that a video tool returned")
    try:
        path = Path(path_text).resolve()
        if not any(path.is_relative_to(folder.resolve()) for folder in folders):
            places = ", ".join(str(folder) for folder in folders)
            raise ImageError(f"'{path_text:.200}' is outside the folders that pictures are read from ({places})")
        if not path.is_file():
            raise ImageError(f"file not found at '{path_text:.200}'.")
        return _jpeg(path)
    except (OSError, ValueError, SyntaxError, RuntimeError, Image.DecompressionBombError) as error:
        raise ImageError(f"failed to read image at '{path_text:.200}': {error}") from error


def _jpeg(path: Path) -> bytes:
    size = path.stat().st_size
    if size > _MAX_FILE_BYTES:
        raise ValueError(f"{size} bytes; at most {_MAX_FILE_BYTES} are read")
    buffer = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue()
