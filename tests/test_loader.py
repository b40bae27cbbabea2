"""The spider loader: names without imports, one broken agency that stops only itself, a folder of one's own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from scrapy import Request
from scrapy.settings import Settings

from govcrawl.errors import BadAgency, CrawlError, UsageMistake
from govcrawl.loader import AgencyLoader, find_template, own_folder, project_settings, templates

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
AGENCY = '''"""{title}."""

from spiders.templates.trt import FujianTrt


class {name}(FujianTrt):
    """{title}."""

    name = "{name}"
    agency = "{title}"
    base_url = "http://{name}.test"
    channels = {{"公告公示": "/zwgk/gsgg/"}}
'''


def declare(folder: Path, name: str, text: str | None = None) -> Path:
    """Write an agency's file."""
    path = folder / f"{name}.py"
    path.write_text(AGENCY.format(name=name, title="云岭市司法局") if text is None else text, "utf-8")
    return path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An importable, empty package ``loaded_agencies``; what it imported is forgotten after."""
    folder = tmp_path / "loaded_agencies"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "loaded_agencies"]:
        del sys.modules[name]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Path]:
    """A folder that is on no import path; the path and the modules are as before after the test."""
    folder = tmp_path / "mine"
    folder.mkdir()
    path, modules = list(sys.path), set(sys.modules)
    yield folder
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def test_listing_imports_nothing(package: Path) -> None:
    """Names come from file names: no agency's module is imported until one is loaded, and then only that one."""
    for name in ("alpha_sfj", "beta_sfj"):
        declare(package, name)
    loader = AgencyLoader(["loaded_agencies"])
    assert loader.list() == ["alpha_sfj", "beta_sfj"]
    assert not [name for name in sys.modules if name.startswith("loaded_agencies.")]
    assert loader.load("beta_sfj").name == "beta_sfj"
    assert [name for name in sys.modules if name.startswith("loaded_agencies.")] == ["loaded_agencies.beta_sfj"]


def test_folders_below_count_and_templates_do_not(package: Path) -> None:
    """Agencies may lie in subfolders; templates, private files and names that no agency can have are passed over."""
    for folder in ("fujian", "templates", "_old", ".git"):
        (package / folder).mkdir()
        declare(package / folder, f"in_{folder.strip('._')}")
    (package / "_common.py").touch()
    (package / "Not-An-Agency.py").touch()
    loader = AgencyLoader(["loaded_agencies"])
    assert loader.list() == ["in_fujian"]
    assert loader.load("in_fujian").__module__ == "loaded_agencies.fujian.in_fujian"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("class broken_sfj(:\n", "SyntaxError"),
        ("from spiders.templates.nosuch import Nobody\n", "nosuch"),
        ("channels = chanels\n", "chanels"),
        (AGENCY.format(name="broken_sfj", title="Bureau"), "official Chinese name"),
        (AGENCY.format(name="other_sfj", title="云岭市司法局"), "expected a class broken_sfj"),
        ("", "expected a class broken_sfj"),
        ("class broken_sfj:\n    name = 'broken_sfj'\n", "derived from a template"),
    ],
)
def test_a_broken_agency_stops_only_itself(package: Path, text: str, said: str) -> None:
    """Whatever is wrong with one file, all others are listed and loaded, and the error names file and reason."""
    path = declare(package, "broken_sfj", text)
    declare(package, "good_sfj")
    loader = AgencyLoader(["loaded_agencies"])
    assert loader.list() == ["broken_sfj", "good_sfj"]
    assert loader.load("good_sfj").agency == "云岭市司法局"
    with pytest.raises(BadAgency, match=said) as caught:
        loader.load("broken_sfj")
    assert str(path) in str(caught.value)


def test_a_name_declared_twice_is_named_and_not_loaded(package: Path, own: Path) -> None:
    """Two files of one name are warned of with both places, and neither is taken for the other."""
    declare(package, "same_sfj")
    declare(own, "same_sfj")
    with pytest.warns(UserWarning, match="same_sfj is declared more than once"):
        loader = AgencyLoader(["loaded_agencies"], own)
    assert loader.list() == ["same_sfj"]
    with pytest.raises(BadAgency, match="more than once") as caught:
        loader.load("same_sfj")
    assert str(own) in str(caught.value)
    assert str(package) in str(caught.value)


def test_a_folder_of_ones_own(own: Path) -> None:
    """Agencies in GOVCRAWL_SPIDERS stand beside those of the project."""
    declare(own, "mine_of_test_sfj")
    settings = Settings({"SPIDER_MODULES": ["spiders"], "GOVCRAWL_SPIDERS": str(own)})
    loader = AgencyLoader.from_settings(settings)
    assert {"mine_of_test_sfj", "xiamen_sfj"} <= set(loader.list())
    assert loader.load("mine_of_test_sfj").seeds() == {"公告公示": "http://mine_of_test_sfj.test/zwgk/gsgg/"}
    assert loader.place("mine_of_test_sfj").path == own / "mine_of_test_sfj.py"


def test_a_name_that_another_module_has(own: Path) -> None:
    """An agency named as a module that is there already is refused, not taken for it."""
    declare(own, "json")
    with pytest.raises(BadAgency, match="choose another name"):
        AgencyLoader([], own).load("json")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """A missing folder of one's own is said, and the project's agencies are still listed."""
    settings = Settings({"SPIDER_MODULES": ["spiders"], "GOVCRAWL_SPIDERS": str(tmp_path / "gone")})
    with pytest.raises(UsageMistake, match="expected a folder"):
        own_folder(settings)
    with pytest.warns(UserWarning, match="expected a folder"):
        assert "xiamen_sfj" in AgencyLoader.from_settings(settings).list()
    assert own_folder(Settings({"GOVCRAWL_SPIDERS": ""})) is None


def test_what_is_not_there() -> None:
    """An unknown agency is a KeyError, as Scrapy's protocol says; an unknown package is named."""
    with pytest.raises(KeyError, match="nosuch"):
        AgencyLoader(["spiders"]).load("nosuch")
    for module in ("nosuchpackage", "json.decoder", "nosuch.package"):
        with pytest.raises(UsageMistake, match=module):
            AgencyLoader([module])


def test_find_by_request(package: Path) -> None:
    """The agency whose host it is takes a request; one that cannot be loaded is warned of."""
    declare(package, "alpha_sfj")
    declare(package, "broken_sfj", "(")
    with pytest.warns(UserWarning, match="broken_sfj"):
        found = AgencyLoader(["loaded_agencies"]).find_by_request(Request("http://alpha_sfj.test/zwgk/"))
    assert found == ["alpha_sfj"]


def test_templates() -> None:
    """Site templates are found by name, wherever the command is run; an unknown one is answered with those there are."""
    assert find_template("trt").__name__ == "FujianTrt"
    assert {"trt"} <= {family.template_name for family in templates(project_settings())}
    with pytest.raises(UsageMistake, match="trt"):
        find_template("nosuch")
    with pytest.raises(CrawlError, match="no package"):
        list(templates(Settings({"SPIDER_MODULES": ["archive"]})))


def test_scrapy_commands(own: Path) -> None:
    """``scrapy list`` names a broken agency with the others; ``scrapy crawl`` of it says file and reason and ends with 2."""
    declare(own, "broken_sfj", "channels = (\n")
    environment = {**os.environ, "GOVCRAWL_SPIDERS": str(own), "SCRAPY_SETTINGS_MODULE": "govcrawl.settings"}
    environment["PYTHONPATH"] = str(ROOT)

    def scrapy(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "scrapy", *arguments]
        return subprocess.run(
            command, env=environment, cwd=own, capture_output=True, text=True, timeout=60, check=False
        )

    listed = scrapy("list")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert {"broken_sfj", "xiamen_sfj"} <= set(listed.stdout.split())
    crawled = scrapy("crawl", "broken_sfj")
    assert crawled.returncode == 2
    assert "broken_sfj.py: agency broken_sfj cannot be loaded: SyntaxError" in crawled.stderr
    assert "Traceback" not in crawled.stderr
