"""The map of the house holds: which package may import what, and what lies at the top level."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("spiders", "govcrawl", "archive")
TOP_LEVEL = {
    *PACKAGES,
    "tests",
    "docs",
    "run.py",
    "pyproject.toml",
    "requirements.lock",
    "scrapy.cfg",
    "README.md",
    "README.zh-CN.md",
}


def run_lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of the packages in ``folder``."""
    program = shutil.which("lint-imports", path=str(Path(sys.executable).parent))
    assert program, "lint-imports lies beside the Python that runs the tests"
    command = [program, "--no-logo", "--no-cache", "--config", "pyproject.toml"]
    return subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Copy the three packages and their contracts to where something may be broken."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_hold() -> None:
    """No package imports what it must not."""
    result = run_lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("archive/errors.py", "import govcrawl.items", "spiders, then govcrawl, then archive"),
        ("govcrawl/items.py", "import spiders.templates", "spiders, then govcrawl, then archive"),
        ("spiders/__init__.py", "import archive.model", "spiders does not touch the store"),
        ("spiders/templates/__init__.py", "import warcio", "spiders does not touch the store"),
        ("spiders/__init__.py", "from sqlite_utils import Database", "spiders does not touch the store"),
        ("spiders/__init__.py", "import trafilatura", "spiders does not touch the store"),
        ("archive/model.py", "from scrapy.http import Response", "archive knows no crawler"),
        ("archive/model.py", "from twisted.internet import defer", "archive knows no crawler"),
        ("archive/model.py", "import parsel", "archive knows no crawler"),
        ("archive/model.py", "from lxml import etree", "archive knows no crawler"),
        ("govcrawl/items.py", "from trafilatura import extract", "only govcrawl.extract imports trafilatura"),
        ("govcrawl/items.py", "def read() -> None:\n    import trafilatura", "only govcrawl.extract"),
    ],
)
def test_a_breach_is_reported_with_module_and_line(house: Path, module: str, line: str, contract: str) -> None:
    """An import against the rules breaks its contract, and the report says in which module and line it stands."""
    path = house / module
    path.write_text(path.read_text(encoding="utf-8").rstrip() + f"\n\n\n{line}\n", encoding="utf-8")
    number = len(path.read_text(encoding="utf-8").splitlines())
    result = run_lint_imports(house)
    assert result.returncode == 1, result.stdout + result.stderr
    assert re.search(rf"^{re.escape(contract)}.* BROKEN", result.stdout, re.MULTILINE), result.stdout
    name = module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    assert re.search(rf"^\s*-\s+{re.escape(name)} -> .*\(l\.{number}\)", result.stdout, re.MULTILINE), result.stdout


def test_the_three_packages_lie_side_by_side() -> None:
    """``archive`` and ``spiders`` are this project's: other distributions install packages of the same name."""
    for package in PACKAGES:
        spec = find_spec(package)
        assert spec is not None, package
        assert spec.origin == str(ROOT / package / "__init__.py")


def test_the_top_level_holds_the_fixed_names() -> None:
    """Whoever looks for a thing of the map finds it at the top level, and no stray module lies there."""
    names = {path.name for path in ROOT.iterdir()}
    assert names >= TOP_LEVEL
    assert {name for name in names if name.endswith(".py")} == {"run.py"}


def test_every_package_says_that_it_is_typed() -> None:
    """Type checkers of whoever imports the packages read their annotations (PEP 561)."""
    assert [package for package in PACKAGES if not (ROOT / package / "py.typed").is_file()] == []
