"""Agencies and site templates by name, thousands of them: a file is imported only when its agency is asked for.

Scrapy's own loader imports every module under SPIDER_MODULES before it does anything. Here the rule that file, name and class of
an agency are the same (spiders/xiamen_sfj.py → ``xiamen_sfj``) makes the folder's listing the index. So one agency that is
written wrongly stops nobody but itself, and is named with file and reason when it is asked for.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import warnings
from collections import defaultdict
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from scrapy.utils.project import get_project_settings

from govcrawl.errors import BadAgency, CrawlError, UsageMistake
from govcrawl.speech import say

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    from scrapy import Request
    from scrapy.settings import BaseSettings, Settings

    from govcrawl.spider import DisclosureSpider

logger = logging.getLogger(__name__)

AGENCY_FILE = re.compile(r"([a-z][a-z0-9_]*)\.py")
TEMPLATES = "templates"  # the package beside the agencies that holds the site templates
_BROKEN = (ImportError, SyntaxError, NameError, TypeError, ValueError, AttributeError, LookupError, OSError, CrawlError)
"""What importing a declaration can end with; anything else is a defect of more than the declaration."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an agency is declared."""

    path: Path
    module: str  # its import name


class AgencyLoader:
    """The spider loader of the project (setting SPIDER_LOADER_CLASS); lists without importing.

    Args:
        modules: packages of agencies (setting SPIDER_MODULES); their subfolders count too, except ``templates`` and names that
            begin with ``_`` or ``.``.
        folder: a folder of the user's own agencies (setting GOVCRAWL_SPIDERS), on no import path yet; ``None`` for none.

    Raises:
        UsageMistake: a package is not there.
    """

    def __init__(self, modules: Sequence[str], folder: Path | None = None) -> None:
        self._places: defaultdict[str, list[Place]] = defaultdict(list)
        for module in modules:
            for root, package in _roots(module):
                self._index(root, package)
        if folder is not None:
            self._index_own(folder)
        self._name_duplicates()

    @classmethod
    def from_settings(cls, settings: BaseSettings) -> Self:
        """Make one as Scrapy does; a folder of one's own that is not there is warned of, the others still work."""
        try:
            folder = own_folder(settings)
        except UsageMistake as error:
            warnings.warn(str(error), stacklevel=2)
            folder = None
        return cls(settings.getlist("SPIDER_MODULES"), folder)

    def list(self) -> builtins.list[str]:
        """Return the names of all agencies, sorted; whether they are declared well is seen when they are loaded."""
        return sorted(self._places)

    def place(self, name: str) -> Place:
        """Return where an agency is declared.

        Raises:
            KeyError: nowhere.
        """
        if name not in self._places:
            raise KeyError(f"Spider not found: {name}")  # the words of Scrapy's protocol
        return self._places[name][0]

    def load(self, spider_name: str) -> type[DisclosureSpider]:
        """Import an agency and return its class.

        Raises:
            KeyError: there is none of that name.
            BadAgency: it is declared wrongly or twice; the message names the file.
        """
        place = self.place(spider_name)
        if len(self._places[spider_name]) > 1:
            raise BadAgency(self._declared_twice(spider_name))
        try:
            module = import_module(place.module)
        except _BROKEN as error:
            raise BadAgency(
                f"{place.path}: agency {spider_name} cannot be loaded: {type(error).__name__}: {_said(error)}"
            ) from error
        return _class_of(module, spider_name, place)

    def find_by_request(self, request: Request) -> builtins.list[str]:
        """Return the agencies whose host a request goes to; loads every agency that can be loaded."""
        host = urlsplit(request.url).hostname
        found = []
        for name in self.list():
            try:
                if urlsplit(self.load(name).base_url).hostname == host:
                    found.append(name)
            except BadAgency as error:
                warnings.warn(str(error), stacklevel=2)
        return found

    def _index(self, root: Path, package: str) -> None:
        """Note every agency file under a folder, whose import name is ``package``."""
        with os.scandir(root) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if match := AGENCY_FILE.fullmatch(entry.name):
                    self._places[match[1]].append(Place(Path(entry.path), f"{package}.{match[1]}"))
                elif entry.is_dir() and entry.name != TEMPLATES and entry.name.isidentifier() and entry.name[0] != "_":
                    self._index(Path(entry.path), f"{package}.{entry.name}")

    def _index_own(self, folder: Path) -> None:
        """Note the files of the user's own folder and make them importable.

        They are modules of the top level. The folder goes to the end of the path, so that it hides nothing; reader processes are
        given the same path.
        """
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if match := AGENCY_FILE.fullmatch(entry.name):
                    self._places[match[1]].append(Place(Path(entry.path), match[1]))
        if str(folder) not in sys.path:
            sys.path.append(str(folder))

    def _name_duplicates(self) -> None:
        for name, places in self._places.items():
            if len(places) > 1:
                warnings.warn(self._declared_twice(name), stacklevel=2)

    def _declared_twice(self, name: str) -> str:
        where = ", ".join(str(place.path) for place in self._places[name])
        return f"agency {name} is declared more than once: {where}; rename or remove all but one"


def project_settings() -> Settings:
    """Return the project's settings, from wherever a command is run."""
    settings = get_project_settings()
    if not settings.get("GOVCRAWL_DATA"):  # neither SCRAPY_SETTINGS_MODULE nor a scrapy.cfg above
        settings.setmodule("govcrawl.settings", priority="project")
    return settings


def own_folder(settings: BaseSettings) -> Path | None:
    """Return the folder of the user's own agencies (setting or environment variable GOVCRAWL_SPIDERS), absolute.

    Raises:
        UsageMistake: there is no such folder.
    """
    given = settings.get("GOVCRAWL_SPIDERS")
    if not given:
        return None
    folder = Path(given).expanduser().absolute()
    if not folder.is_dir():
        raise UsageMistake(
            say(
                f"GOVCRAWL_SPIDERS 为 {given!r}，应为放机构文件的目录；请建立它（mkdir {folder}）",
                f"GOVCRAWL_SPIDERS is {given!r}, expected a folder of agency files; make it (mkdir {folder})",
            )
        )
    return folder


def templates(settings: BaseSettings | None = None) -> Iterator[Any]:
    """Yield the template classes in the ``templates`` packages beside the project's agencies (setting SPIDER_MODULES).

    Raises:
        CrawlError: there are none, or one cannot be imported.
    """
    names = (settings or project_settings()).getlist("SPIDER_MODULES")
    packages = [f"{name}.{TEMPLATES}" for name in names if _is_there(f"{name}.{TEMPLATES}")]
    if not packages:
        raise CrawlError(f"no package of SPIDER_MODULES {names} has site templates; expected e.g. spiders.templates")
    for name in packages:
        try:
            package = import_module(name)
            modules = [import_module(found.name) for found in iter_modules(package.__path__, f"{name}.")]
        except _BROKEN as error:
            raise CrawlError(
                f"site templates of {name} cannot be imported: {type(error).__name__}: {_said(error)}"
            ) from error
        for module in modules:
            own = (value for value in vars(module).values() if isinstance(value, type))
            yield from (
                value for value in own if value.__module__ == module.__name__ and vars(value).get("template_name")
            )


def find_template(name: str, settings: BaseSettings | None = None) -> Any:
    """Return the template class of a family by its name.

    Raises:
        UsageMistake: there is none of that name.
    """
    for package in (settings or project_settings()).getlist("SPIDER_MODULES"):  # its own file first: reads no other
        module = f"{package}.{TEMPLATES}.{name}"
        if name.isidentifier() and _is_there(module):
            found = (
                value for value in vars(import_module(module)).values() if getattr(value, "template_name", "") == name
            )
            if (family := next(found, None)) is not None:
                return family
    families = {family.template_name: family for family in templates(settings)}
    if name not in families:
        there = sorted(families)
        raise UsageMistake(
            say(
                f"--template：没有模板 {name!r}；有 {'、'.join(there)}",
                f"--template: there is no template {name!r}; there are {', '.join(there)}",
            )
        )
    return families[name]


def find_reader(agency: str, template_name: str, settings: BaseSettings) -> Any:
    """Return the class that reads an agency's pages: its own, else its template's.

    Raises:
        BadAgency: neither is there.
    """
    from scrapy.spiderloader import get_spider_loader  # noqa: PLC0415 - Scrapy is loaded for pages to be read only

    try:
        return get_spider_loader(settings).load(agency)
    except KeyError:
        logger.info("agency %s is not declared any more; its pages are read by template %s", agency, template_name)
    try:
        return find_template(template_name, settings)
    except UsageMistake as error:
        raise BadAgency(
            f"{agency}: its pages were read by the template {template_name!r}, and neither an agency of that name nor that "
            "template is there any more; put the file of either back (SPIDER_MODULES, GOVCRAWL_SPIDERS), then try again"
        ) from error


def _is_there(module: str) -> bool:
    """Tell whether a module can be found, without importing it (only its parents)."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _roots(module: str) -> list[tuple[Path, str]]:
    """Return the folders of a package with its import name;."""
    spec = find_spec(module) if _is_there(module) else None
    if spec is None or spec.submodule_search_locations is None:
        raise UsageMistake(f"SPIDER_MODULES: {module!r} is no package that can be imported; expected e.g. spiders")
    return [(Path(location), module) for location in spec.submodule_search_locations if Path(location).is_dir()]


def _class_of(module: ModuleType, name: str, place: Place) -> type[DisclosureSpider]:
    from govcrawl.spider import DisclosureSpider  # noqa: PLC0415 - listing needs none of what a crawl loads

    declared = vars(module).get(name)
    if Path(module.__file__ or "").absolute() != place.path.absolute():
        raise BadAgency(
            f"{place.path}: agency {name} cannot be loaded: another module of that name lies at {module.__file__}; choose another name"
        )
    if not (isinstance(declared, type) and issubclass(declared, DisclosureSpider) and vars(declared).get("name")):
        raise BadAgency(
            f"{place.path}: expected a class {name} with name = {name!r}, derived from a template in spiders.templates; "
            "file, name and class of an agency are the same"
        )
    return declared


def _said(error: BaseException) -> str:
    """Return an error's message in one line, a syntax error's with its line."""
    return " ".join(str(error).split()) or type(error).__name__
