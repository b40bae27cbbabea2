"""Whether two machines run the same program: its code to the byte, and the libraries that decide how a page reads."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from govcrawl.errors import CrawlError

PACKAGES = ("archive", "govcrawl", "spiders")
LIBRARIES = ("trafilatura", "lxml", "pypdfium2", "pdfplumber", "python-calamine", "olefile", "opencc", "scrapy")
_SHOWN = 12


class OtherVersion(CrawlError):
    """A worker's machine runs another version of the program."""


class Fingerprint(NamedTuple):
    """What has to be equal on every machine."""

    govcrawl: str
    code: str  # SHA-256 over the files of the program
    python: str  # of it, what decides whether values can be exchanged
    libraries: str

    def compare(self, other: Fingerprint, where: str) -> None:
        """Compare this machine's with that of the machine that asks.

        Raises:
            OtherVersion: they differ; the message says in what.
        """
        differing = [
            f"{name} {mine[:_SHOWN] if name == 'code' else mine} (there {theirs[:_SHOWN] if name == 'code' else theirs})"
            for name, mine, theirs in zip(self._fields, self, other, strict=True)
            if mine != theirs
        ]
        if differing:
            raise OtherVersion(
                f"{where} runs another govcrawl than the machine that asks: {', '.join(differing)}; install the same version, from the "
                "same requirements, on every node (python3 run.py setup), start Ray there anew, then run the command again"
            )


@cache  # the code of a process does not change
def fingerprint() -> Fingerprint:
    """Return this machine's."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        spec = find_spec(package)
        for location in (spec.submodule_search_locations or ()) if spec else ():
            root = Path(location)
            for path in sorted(root.rglob("*.py")):
                text = path.read_bytes()
                digest.update(f"{package}/{path.relative_to(root).as_posix()}\0{len(text)}\0".encode())
                digest.update(text)
    libraries = " ".join(f"{name}={_version(name)}" for name in LIBRARIES)
    python = ".".join(platform.python_version_tuple()[:2])
    return Fingerprint(_version("govcrawl"), digest.hexdigest(), python, libraries)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
