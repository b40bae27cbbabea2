"""Contracts that every agency in ``spiders/`` keeps."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "spiders"
FILES = sorted(path for path in FOLDER.glob("*.py") if path.stem != "__init__")
MOST_LINES = 12


def class_of(path: Path) -> ast.ClassDef:
    """The one class of an agency's file."""
    (found,) = [node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.ClassDef)]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_agency_is_one_class_named_as_its_file(path: Path) -> None:
    """File, class and name are the same; the base is a template's class and nothing else is imported."""
    tree = ast.parse(path.read_text("utf-8"))
    docstring = ast.get_docstring(tree)
    assert docstring
    assert re.search("[\u4e00-\u9fff]{3,}", docstring), "the module's docstring gives the agency's name"
    declared = class_of(path)
    assert declared.name == path.stem
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom | ast.Import)]
    assert all(
        isinstance(node, ast.ImportFrom) and (node.module or "").startswith("spiders.templates.") for node in imports
    )
    (base,) = declared.bases
    assert isinstance(base, ast.Name)
    assert base.id in {alias.name for node in imports for alias in node.names}
    assert len(tree.body) == 2 + len(imports), "docstring, imports and the class"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_agency_is_attributes_only(path: Path) -> None:
    """No methods, no code: assignments of literals, few enough to be read at once."""
    declared = class_of(path)
    for node in declared.body:
        if isinstance(node, ast.Expr):
            assert isinstance(node.value, ast.Constant), "only a docstring stands beside attributes"
        else:
            assert isinstance(node, ast.Assign), f"line {node.lineno} is no attribute"
            ast.literal_eval(node.value)
    lines = path.read_text("utf-8").splitlines()
    channels = next(
        node for node in declared.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "channels"
    )
    counted = [
        line
        for number, line in enumerate(lines, 1)
        if line.strip() and not channels.lineno <= number <= (channels.end_lineno or 0)
    ]
    assert len(counted) <= MOST_LINES, counted


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_agency_says_who_it_is_and_where(path: Path) -> None:
    """Its name is the full Chinese one, it has a channel, and all its addresses are absolute on the web."""
    agency = getattr(import_module(f"spiders.{path.stem}"), path.stem)
    assert agency.name == path.stem
    assert re.fullmatch("[\u4e00-\u9fff（）()]{4,}", agency.agency), "the official name in full"
    assert agency.channels
    for channel, url in agency.seeds().items():
        parts = urlsplit(url)
        assert channel.strip() == channel
        assert parts.scheme in {"http", "https"}
        assert parts.hostname
    assert len(set(agency.seeds().values())) == len(agency.channels), "each channel has a list of its own"
    assert set(agency.browser_channels) <= set(agency.channels)
