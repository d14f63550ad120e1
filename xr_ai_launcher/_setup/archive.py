"""Takes one file out of a downloaded archive."""

import shutil
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from xr_ai_launcher._setup.errors import SourceUnavailable
from xr_ai_launcher._stack.plan import DownloadSource


def is_archive(source: DownloadSource) -> bool:
    """Whether the download is only the packing of the program."""
    return source.member is not None


def take_member(archive: Path, source: DownloadSource) -> Path:
    """Copy the member to a partial file beside its final place and return that. Nothing else is ever unpacked.

    Raises:
        SourceUnavailable: not an archive, or no such file in it.
    """
    assert source.member is not None
    partial = source.to / f".{source.result.name}.member.partial"
    try:
        if zipfile.is_zipfile(archive):
            _take_from_zip(archive, source.member, partial)
        else:
            _take_from_tar(archive, source.member, partial)
    except KeyError as error:
        raise SourceUnavailable(f"the archive has no file {source.member}") from error
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise SourceUnavailable(f"it is not a readable archive: {error}") from error
    return partial


def _take_from_zip(archive: Path, member: str, target: Path) -> None:
    with zipfile.ZipFile(archive) as packed, packed.open(member) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file)


def _take_from_tar(archive: Path, member: str, target: Path) -> None:
    wanted = PurePosixPath(member)
    with tarfile.open(archive) as packed:
        for entry in packed:
            if PurePosixPath(entry.name) == wanted and entry.isfile():
                source = packed.extractfile(entry)
                assert source is not None  # it is a file
                with target.open("wb") as file:
                    shutil.copyfileobj(source, file)
                return
    raise KeyError(member)
