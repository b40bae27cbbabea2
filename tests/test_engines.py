"""Units of work on one machine, and what a cluster needs of it: files that arrive whole, the same program, who reads."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from cluster_data import ROOT
from scrapy.settings import Settings

from govcrawl.cli import main
from govcrawl.engines import ATTEMPTS, Attempts, Done, Lost, Place, Unit, UnitLost, Work, pack, unpack
from govcrawl.engines.fingerprint import OtherVersion, fingerprint
from govcrawl.engines.pool import FEWEST_BYTES, PoolEngine
from govcrawl.engines.shipping import CHUNK_BYTES, PREFIX, Listed, NotTheFile, check_shared, fetch, sweep
from govcrawl.engines.templates import Templates

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Mortal(Work):
    """Yields two pieces; the process that does unit 1 ends in between, until it has done so ``deaths`` times."""

    folder: Path
    deaths: int

    def do(self, argument: Any, place: Place) -> Iterator[Any]:
        del place
        yield argument, "first"
        died = len(list(self.folder.iterdir()))
        if argument == 1 and died < self.deaths:
            (self.folder / str(died)).touch()
            os._exit(7)
        yield argument, "second"


def units(count: int) -> list[Unit]:
    """Units large enough for processes of their own."""
    return [Unit(name=f"file {n}", argument=n, files=(), bytes=FEWEST_BYTES) for n in range(count)]


def results(engine: PoolEngine, work: Work) -> list[Any]:
    """What came of five units."""
    return [
        list(one.pieces) if isinstance(one, Done) else (one.unit.name, one.reason) for one in engine.run(work, units(5))
    ]


def test_a_process_that_dies_has_its_unit_done_again(tmp_path: Path) -> None:
    """Each unit's result is whole, there once and in its place; what was begun again is said."""
    engine = PoolEngine(tmp_path, 2)
    expected = [[(n, "first"), (n, "second")] for n in range(5)]
    assert results(engine, Mortal(tmp_path, ATTEMPTS - 1)) == expected
    assert engine.redone == ["file 1: the process that read it ended with code 7"] * (ATTEMPTS - 1)


def test_a_unit_that_kills_every_process_is_given_up_by_name(tmp_path: Path) -> None:
    """The others are done; the error that a command makes of it names the file and what to do."""
    engine = PoolEngine(tmp_path, 2)
    found = results(engine, Mortal(tmp_path, ATTEMPTS))
    assert found[1] == ("file 1", "the process that read it ended with code 7")
    assert [found[n] for n in (0, 2, 3, 4)] == [[(n, "first"), (n, "second")] for n in (0, 2, 3, 4)]
    lost = Lost(units(2)[1], "it ended")
    assert str(UnitLost.of(lost)).startswith("file 1: given up after 3 attempts: it ended; ")


def test_small_work_is_done_in_this_process(tmp_path: Path) -> None:
    """Nothing is started for less than what a process costs; pieces come as they are found."""
    engine = PoolEngine(tmp_path, 2)
    small = [Unit(name="small", argument=0, files=(), bytes=1) for _ in range(3)]
    first = next(iter(engine.run(Mortal(tmp_path, 0), small)))
    assert isinstance(first, Done)
    assert next(first.pieces) == (0, "first")


def test_attempts_are_counted_for_each_unit() -> None:
    """A failure of one is not another's; equal reasons are said once."""
    attempts = Attempts()
    one, two = units(2)
    told = [attempts.fail(one, "x"), attempts.fail(two, "y"), attempts.fail(one, "x"), attempts.fail(one, "z")]
    assert told == [None, None, None, Lost(one, "x; z")]


def test_pieces_survive_being_packed() -> None:
    """Blocks hold all pieces in order."""
    pieces = [{"n": n, "text": "司法" * n} for n in range(450)]
    blocks = list(pack(pieces))
    assert len(blocks) == 3
    assert [piece for block in blocks for piece in unpack(block)] == pieces


def test_a_place_maps_paths_there_and_messages_back() -> None:
    """A file that was brought lies below the worker's folder; what is said of it names the path of whoever asked."""
    there = Place(Path("data"), Path("/home/a"), Path("/tmp/x"))  # noqa: S108 -- nothing is written
    path = there.of(Path("data/warc/a.gz"))
    assert path == Path("/tmp/x/home/a/data/warc/a.gz")  # noqa: S108 -- the same
    assert there.say(f"{path}: broken; see {there.of(Path('/srv/b.gz'))}") == "data/warc/a.gz: broken; see /srv/b.gz"
    shared = Place(Path("/srv/data"), Path("/home/a"))
    assert shared.of(Path("/srv/data/a.gz")) == Path("/srv/data/a.gz")
    assert shared.say("/srv/data/a.gz: broken") == "/srv/data/a.gz: broken"


@dataclass
class Sender:
    """Hands out a file's bytes; the first reading of each chunk in ``spoilt`` has one bit changed."""

    data: bytes
    spoilt: set[int] = field(default_factory=set)

    def read(self, path: Path, offset: int, length: int) -> bytes:
        del path
        piece = bytearray(self.data[offset : offset + length])
        if offset in self.spoilt:
            self.spoilt.discard(offset)
            piece[7] ^= 1
        return bytes(piece)

    def digest(self, path: Path) -> str:
        del path
        return hashlib.sha256(self.data).hexdigest()


def test_a_file_arrives_whole_or_not_at_all(tmp_path: Path) -> None:
    """Digest and time are the file's; one bit changed on the way is an error that names it; brought again it is whole."""
    data = bytes(range(256)) * (CHUNK_BYTES // 200)
    listed = Listed(Path("warc/a.warc.gz"), len(data), 1_700_000_000_000_000_000, hashlib.sha256(data).hexdigest())
    sender = Sender(data, {CHUNK_BYTES})
    with pytest.raises(NotTheFile, match=r"warc/a\.warc\.gz: .* arrived, .* were sent"):
        fetch(listed, tmp_path / "1" / "a", sender)
    assert fetch(listed, tmp_path / "2" / "a", sender) is None
    assert (tmp_path / "2" / "a").read_bytes() == data
    assert (tmp_path / "2" / "a").stat().st_mtime_ns == listed.modified_ns
    with pytest.raises(NotTheFile):
        fetch(listed, tmp_path / "3" / "a", Sender(data[:-1]))


def test_a_file_that_is_not_its_manifests_is_brought_and_said(tmp_path: Path) -> None:
    """What is damaged where it lies is read as it would be read there; the sentence names both digests."""
    listed = Listed(Path("a.warc.gz"), 5, 0, "0" * 64)
    note = fetch(listed, tmp_path / "a", Sender(b"bytes"))
    assert note is not None
    assert "its manifest says 000" in note
    assert "govcrawl verify" in note
    assert fetch(Listed(Path("a.warc.gz"), 5, 0, None), tmp_path / "b", Sender(b"bytes")) is None


def test_a_shared_folder_must_be_the_same_one(tmp_path: Path) -> None:
    """A file that is not there, or of another size, is an error that asks about --shared."""
    path = tmp_path / "a.warc.gz"
    listed = Listed(path, 5, 0, None)
    with pytest.raises(NotTheFile, match="leave --shared out"):
        check_shared(listed, path)
    path.write_bytes(b"four")
    with pytest.raises(NotTheFile, match="4 bytes here, 5 on the machine"):
        check_shared(listed, path)
    path.write_bytes(b"bytes")
    check_shared(listed, path)


def test_what_killed_workers_left_is_removed(tmp_path: Path) -> None:
    """A folder a day old whose process is gone goes; a younger one, and one whose process lives, stay."""
    gone = 2**22 + 1  # more than Linux gives
    old, young, living = (tmp_path / f"{PREFIX}{pid}-x" for pid in (gone, gone + 1, os.getpid()))
    for folder in (old, young, living):
        folder.mkdir()
    for folder in (old, living):
        os.utime(folder, (0, 0))
    sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([young, living])


def test_another_version_is_refused_by_name() -> None:
    """Equal programs agree; one that differs is told with what differs and what to do."""
    mine = fingerprint()
    mine.compare(mine, "node a")
    assert len(mine.code) == 64
    with pytest.raises(
        OtherVersion, match=r"node a runs another govcrawl .*: govcrawl 0\.1\.0 \(there 0\.2\.0\); install"
    ):
        mine.compare(mine._replace(govcrawl="0.2.0"), "node a")
    with pytest.raises(OtherVersion, match=r"code .{12} \(there 000000000000\)"):
        mine.compare(mine._replace(code="0" * 64), "node a")


CARRIED = """
import pickle, sys
templates = pickle.load(sys.stdin.buffer)
find = templates.finder()
print(find("own_sfj", "trt").base_url, find("beside_sfj", "trt").base_url, find("gone_sfj", "trt").template_name)
"""
AGENCY = """from spiders.templates.trt import FujianTrt

class {name}(FujianTrt):
    name = "{name}"
    agency = "某市司法局"
    base_url = "http://{name}.test"
    channels = {{"公告": "/a/"}}
"""


def test_declarations_of_this_machine_are_taken_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Agencies of one's own folder and of a package beside the program read their pages where neither lies."""
    import pickle  # noqa: PLC0415 -- for this test alone

    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "own_sfj.py").write_text(AGENCY.format(name="own_sfj"), "utf-8")
    package = tmp_path / "path" / "besidespiders"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "beside_sfj.py").write_text(AGENCY.format(name="beside_sfj"), "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path / "path"))
    values = {
        "SPIDER_MODULES": "besidespiders,spiders",  # as of -s
        "GOVCRAWL_SPIDERS": str(tmp_path / "own"),
        "SPIDER_LOADER_CLASS": "govcrawl.loader.AgencyLoader",
    }
    carried = pickle.dumps(Templates.of(Settings(values)))
    (tmp_path / "own").rename(tmp_path / "elsewhere")
    line = [sys.executable, "-c", CARRIED]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    done = subprocess.run(line, input=carried, env=env, capture_output=True, timeout=60, check=False)
    assert done.stdout.decode().split() == ["http://own_sfj.test", "http://beside_sfj.test", "trt"], done.stderr


def test_without_ray_one_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--engine ray`` ends with 1; options of Ray without Ray are a misuse."""
    (tmp_path / "warc").mkdir()
    monkeypatch.setenv("GOVCRAWL_LANG", "en")
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "govcrawl.engines.ray_engine", raising=False)
    done = CliRunner().invoke(main, ["verify", "--data", str(tmp_path), "--engine", "ray"])
    assert done.exit_code == 1
    assert done.stderr == "govcrawl: --engine ray needs Ray: pip install 'govcrawl[cluster]'\n"
    done = CliRunner().invoke(main, ["verify", "--data", str(tmp_path), "--shared"])
    assert done.exit_code == 2
    assert done.stderr == "govcrawl: --address and --shared go with --engine ray\n"
