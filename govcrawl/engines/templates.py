"""Who reads an agency's pages, on whatever machine: the declarations of this one are taken along.

What the program itself brings is the same everywhere (:mod:`govcrawl.engines.fingerprint`); folders of one's own
(SPIDER_MODULES beside it, GOVCRAWL_SPIDERS) are carried as the text of their files.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scrapy.settings import Settings

from govcrawl.errors import CrawlError
from govcrawl.loader import find_reader, own_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scrapy.settings import BaseSettings

    from govcrawl.spider import DisclosureSpider

OURS = "spiders"
"""The package of agencies that comes with the program."""
_MODULES, _LOADER = "SPIDER_MODULES", "SPIDER_LOADER_CLASS"


@dataclass(frozen=True, slots=True)
class Templates:
    """What is needed to find the class that reads an agency's pages."""

    values: Mapping[str, Any]  # of settings
    packages: Mapping[str, bytes] = field(
        default_factory=dict
    )  # files of packages that lie beside the program, by path
    own: Mapping[str, bytes] = field(default_factory=dict)  # files of the user's own folder, by path
    folder: str | None = None  # where that lies on the machine that asks

    @classmethod
    def of(cls, settings: BaseSettings) -> Templates:
        """Take what the settings of this machine name."""
        packages: dict[str, bytes] = {}
        for name in settings.getlist(_MODULES):
            spec = find_spec(name) if name != OURS else None
            for location in (spec.submodule_search_locations or ()) if spec else ():
                packages |= {
                    f"{name.replace('.', '/')}/{path}": text for path, text in _sources(Path(location)).items()
                }
        folder = own_folder(settings)
        return cls(
            {_MODULES: settings.getlist(_MODULES), _LOADER: settings.get(_LOADER)},
            packages,
            _sources(folder) if folder else {},
            str(folder) if folder else None,
        )

    def finder(self) -> Callable[[str, str], type[DisclosureSpider]]:
        """Return a function from agency and template to the class that reads; it raises BadAgency as find_reader."""
        settings = Settings({**self.values, **self.place()})

        @cache
        def find(agency: str, template: str) -> type[DisclosureSpider]:
            found: type[DisclosureSpider] = find_reader(agency, template, settings)
            return found

        return find

    def place(self) -> Mapping[str, Any]:
        """Lay the files down where this process can import them, unless they are there; returns settings that say where."""
        if self.packages and not all(_is_there(name) for name in self.values[_MODULES]):
            _importable(_lay_down(self.packages))
        if self.folder is None:
            return {}
        there = Path(self.folder)
        same = there.is_dir() and _sources(there) == self.own
        return {"GOVCRAWL_SPIDERS": str(there if same else _lay_down(self.own))}


def _sources(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*.py"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _lay_down(files: Mapping[str, bytes]) -> Path:
    """Write files into a folder that is named after them, once for all processes of this user."""
    digest = hashlib.sha256()
    for name, text in sorted(files.items()):
        digest.update(f"{name}\0{len(text)}\0".encode() + text)
    folder = Path(tempfile.gettempdir()) / f"govcrawl-agencies-{os.getuid()}-{digest.hexdigest()[:32]}"
    if not folder.is_dir():
        with tempfile.TemporaryDirectory(prefix="govcrawl-agencies-") as name:
            made = Path(name) / "made"
            for relative, text in files.items():
                path = made / relative
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text)
            try:
                made.rename(folder)
            except OSError:
                if not folder.is_dir():  # else another process was faster
                    raise
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise CrawlError(f"{folder}: made by another user, and code is read from it; remove it, then try again")
    return folder


def _importable(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
