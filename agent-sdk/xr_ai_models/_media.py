"""Images, videos and audio in the form that model servers take: data URLs and WAV files."""

import base64
import io
import mimetypes
import wave
from pathlib import Path

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"\x1aE\xdf\xa3", "video/webm"),
)
_VIDEO_SUFFIXES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".webm": "video/webm",
    ".mov": "video/quicktime",
    ".mkv": "video/x-matroska",
}
_UNKNOWN = "application/octet-stream"
_BYTES_PER_SAMPLE = 2


def media_url(media: bytes | Path | str) -> str:
    """Return a URL for the media: strings pass as they are, bytes and files become data URLs.

    Raises:
        OSError: the file cannot be read.
    """
    if isinstance(media, str):
        return media
    if isinstance(media, Path):
        return _data_url(media.read_bytes(), _type_of_suffix(media.suffix.lower()))
    return _data_url(media, None)


def wav_of(pcm_s16: bytes, sample_rate: int, channels: int) -> bytes:
    """Return interleaved little-endian 16-bit PCM wrapped as a WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(_BYTES_PER_SAMPLE)
        writer.setframerate(sample_rate)
        writer.writeframes(pcm_s16)
    return buffer.getvalue()


def _data_url(data: bytes, mime: str | None) -> str:
    return f"data:{mime or _type_of_bytes(data)};base64,{base64.b64encode(data).decode()}"


def _type_of_suffix(suffix: str) -> str | None:
    return _VIDEO_SUFFIXES.get(suffix) or mimetypes.guess_type(f"x{suffix}")[0]


def _type_of_bytes(data: bytes) -> str:
    for magic, mime in _MAGIC:
        if data.startswith(magic):
            return mime
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp":
        return "video/mp4"
    return _UNKNOWN
