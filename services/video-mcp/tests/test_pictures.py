"""Pictures on disk: names that stay in their folder, whole files, and an end to growth."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from video_mcp_server._pictures import PictureFolder, safe_name

PICTURE = np.zeros((4, 6, 3), np.uint8)


@pytest.mark.parametrize("hostile", ["..", "../x", "a/b", "/etc/passwd", "", "a\0b", ".hidden", "a b"])
def test_no_id_leaves_the_folder(tmp_path: Path, hostile: str):
    folder = tmp_path / "frames"
    path = PictureFolder(folder, 10).save(hostile, "latest", 5, PICTURE)
    assert path.parent == folder
    assert [item.name for item in tmp_path.iterdir()] == ["frames"]
    assert Image.open(path).size == (6, 4)


def test_different_ids_have_different_names():
    ids = ["a/b", "a_b", "a b", "a@b", "alice", "..", "", "Ä"]
    assert len({safe_name(name) for name in ids}) == len(ids)
    assert safe_name("alice-2") == "alice-2"


def test_only_the_newest_files_are_kept_and_others_are_not_touched(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("mine")
    folder = PictureFolder(tmp_path, 3)
    for stamp in range(6):
        path = folder.save("alice", "latest", stamp, PICTURE)
        os.utime(path, ns=(stamp, stamp))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["alice_latest_3.png", "alice_latest_4.png", "alice_latest_5.png", "notes.txt"]


def test_the_folder_is_its_owners_alone(tmp_path: Path):
    PictureFolder(tmp_path / "new", 1)
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0


def test_the_same_frame_can_be_written_by_two_callers_at_once(tmp_path: Path):
    folder = PictureFolder(tmp_path, 10)
    with ThreadPoolExecutor(8) as callers:
        paths = set(callers.map(lambda _: folder.save("anna", "latest", 5, PICTURE), range(64)))
    assert len(paths) == 1
    assert [item.suffix for item in tmp_path.iterdir()] == [".png"]
