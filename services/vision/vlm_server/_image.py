"""The pictures of a chat request: data URLs in, BGR arrays out."""

import base64
import binascii

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ("ImageError", "decode_data_url")

_MAX_PIXELS = 50_000_000


class ImageError(Exception):
    """The picture cannot be read; the message says why and what is expected."""


def decode_data_url(url: str) -> NDArray[np.uint8]:
    """Return the picture of a ``data:image/...;base64,`` URL as (height, width, 3) BGR.

    Raises:
        ImageError: another kind of URL (nothing is ever fetched), broken base64, or no picture inside.
    """
    head, comma, payload = url.partition(",")
    if not comma or not head.startswith("data:image/") or not head.endswith(";base64"):
        raise ImageError("image_url must be a data URL (data:image/jpeg;base64,…); this server fetches nothing")
    try:
        data = base64.b64decode(payload, validate=True)
    except binascii.Error as error:
        raise ImageError(f"image_url holds broken base64: {error}") from error
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if picture is None:
        raise ImageError(f"image_url holds {len(data)} bytes that are no picture; expected JPEG, PNG or WebP")
    if picture.shape[0] * picture.shape[1] > _MAX_PIXELS:
        raise ImageError(f"the picture has more than {_MAX_PIXELS:,} pixels; scale it down")
    return picture.astype(np.uint8, copy=False)
