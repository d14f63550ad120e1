"""Folder names for ids: readable where they are harmless, unmistakable where they are not."""

import hashlib
import re

__all__ = ("folder_name",)

# No dot (hidden files, "..") and nothing that any file system treats specially; short enough for all of them.
_HARMLESS = re.compile(r"[A-Za-z0-9_@-]{1,64}", re.ASCII)
_SPECIAL = re.compile(r"[^A-Za-z0-9_@-]", re.ASCII)
_READABLE_CHARS = 40
_DIGEST_CHARS = 16
# In no harmless name, so that a made-up one never meets an id that looks like it.
_MARK = "~"


def folder_name(identifier: str) -> str:
    """Return a name for one folder below another, different for different ids, whatever they hold."""
    if _HARMLESS.fullmatch(identifier):
        return identifier
    digest = hashlib.sha256(identifier.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARS]
    return f"{_SPECIAL.sub('_', identifier)[:_READABLE_CHARS]}{_MARK}{digest}"
