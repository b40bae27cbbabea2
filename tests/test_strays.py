"""Shards that are left on a machine: found by whoever comes next, never while somebody still works on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from scrapy.settings import Settings
from shard_sites import lend_out

from archive.errors import ArchiveBusy
from archive.shard_pack import pack, unpack
from govcrawl.strays import find_strays, folder_of, hold

if TYPE_CHECKING:
    from pathlib import Path


def test_shard_that_nobody_holds_is_found(tmp_path: Path) -> None:
    """Held it is passed over; let go it is found, held meanwhile; one of another archive, and what is none, are not."""
    settings = Settings({"GOVCRAWL_STATE": str(tmp_path / "state")})
    folder = folder_of(settings, "host:/data")
    assert folder_of(settings, "host:/other") != folder
    shard = lend_out(tmp_path / "data")
    away = unpack(pack(shard, tmp_path / "one.tar.zst"), folder)
    (folder / "half").mkdir()
    with hold(folder, shard.name):
        assert list(find_strays(folder)) == []
        with pytest.raises(ArchiveBusy), hold(folder, shard.name):
            pass
    for stray in find_strays(folder):
        assert stray.folder == away
        with pytest.raises(ArchiveBusy), hold(folder, shard.name):
            pass
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {shard.name, "half"}
