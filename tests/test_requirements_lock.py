"""The lock is what pyproject.toml asks for, names no place to fetch from, and holds no licence that binds users."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ENTRY = re.compile(r"^(?P<requirement>[^\s#][^\\\n]*?) \\\n(?P<hashes>(?:    --hash=\S+(?: \\)?\n)+)", re.MULTILINE)
COPYLEFT = re.compile(r"(?<![A-Za-z])A?GPL|(?<!Lesser )(?:Affero )?General Public License")


def read_entries() -> dict[str, tuple[Requirement, list[str]]]:
    """Read the lock: normalised name → requirement and hashes."""
    entries: dict[str, tuple[Requirement, list[str]]] = {}
    for found in ENTRY.finditer(LOCK):
        requirement = Requirement(found["requirement"])
        entries[canonicalize_name(requirement.name)] = requirement, re.findall(r"--hash=(\S+)", found["hashes"])
    return entries


def read_direct_requirements() -> list[Requirement]:
    """Read what pyproject.toml asks for: run time, every group, and the build system."""
    groups = PYPROJECT["dependency-groups"].values()
    texts = [*PYPROJECT["project"]["dependencies"], *(text for group in groups for text in group)]
    return [Requirement(text) for text in [*texts, *PYPROJECT["build-system"]["requires"]]]


def read_alternatives(distribution: metadata.Distribution) -> list[str]:
    """Read the licences a distribution may be used under, by its own choice of field; any one of them will do."""
    for expression in distribution.metadata.get_all("License-Expression") or []:
        return re.split(r"\s+OR\s+", expression.replace("(", " ").replace(")", " "))
    classifiers = [text for text in distribution.metadata.get_all("Classifier") or [] if text.startswith("License ::")]
    named = [text.rpartition(" :: ")[2] for text in classifiers if not text.endswith(":: OSI Approved")]
    return named or [text.splitlines()[0] for text in distribution.metadata.get_all("License") or [] if text]


def is_permitted(alternatives: list[str]) -> bool:
    """Tell whether one of the alternatives is a stated licence other than the GPL and AGPL (the LGPL is allowed)."""
    return any(text.strip() and not COPYLEFT.search(text) for text in alternatives)


def walk_run_time() -> dict[str, metadata.Distribution]:
    """Follow the run-time dependencies through the installed metadata, as they apply on this machine."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [(Requirement(text), frozenset[str]()) for text in PYPROJECT["project"]["dependencies"]]
    seen = set()
    while waiting:
        requirement, extras = waiting.pop()
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in extras or {""}):
            continue
        name = canonicalize_name(requirement.name)
        key = (name, frozenset(requirement.extras))
        if key not in seen:
            seen.add(key)
            found[name] = metadata.distribution(name)
            waiting += [(Requirement(text), frozenset(requirement.extras)) for text in found[name].requires or ()]
    return found


def test_every_entry_is_pinned_and_hashed() -> None:
    """Each entry names one version and at least one sha256, and nothing in the lock escapes this reading."""
    entries = read_entries()
    lines = [line for line in LOCK.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(entries) == len(lines)
    for name, (requirement, hashes) in entries.items():
        assert [specifier.operator for specifier in requirement.specifier] == ["=="], name
        assert hashes, name
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", text) for text in hashes), name


@pytest.mark.parametrize("requirement", read_direct_requirements(), ids=str)
def test_every_direct_dependency_is_locked_as_asked_for(requirement: Requirement) -> None:
    """A dependency of pyproject.toml is in the lock, at a version that its specifier accepts."""
    locked, _ = read_entries()[canonicalize_name(requirement.name)]
    (pin,) = locked.specifier
    assert requirement.specifier.contains(pin.version, prereleases=True)


def test_what_the_run_time_needs_is_locked() -> None:
    """Everything the run-time dependencies pull in on this machine is in the lock too."""
    assert set(walk_run_time()) - set(read_entries()) == set()


def test_the_lock_names_no_place_to_fetch_from() -> None:
    """Hashes pin, addresses do not: the same lock works with any index or mirror."""
    assert not re.search(r"://|^\s*-[-\w]*(?:index|find-links|trusted-host)|\s@\s", LOCK, re.MULTILINE)


@pytest.mark.parametrize("name", sorted(walk_run_time()))
def test_no_run_time_dependency_is_gpl(name: str) -> None:
    """A run-time dependency states a licence under which it may be used without the GPL or AGPL."""
    alternatives = read_alternatives(metadata.distribution(name))
    assert is_permitted(alternatives), f"{name}: {alternatives}"


@pytest.mark.parametrize(
    ("alternatives", "permitted"),
    [
        (["GPL-3.0-or-later"], False),
        (["AGPL-3.0-only"], False),
        (["GNU General Public License v3 (GPLv3)"], False),
        (["GNU Affero General Public License v3"], False),
        (["MIT AND GPL-2.0-only"], False),
        ([], False),
        (["MIT"], True),
        (["LGPL-2.1-or-later"], True),
        (["GNU Lesser General Public License v2 (LGPLv2)"], True),
        (["MPL-1.1", "GPL-2.0-only", "LGPL-2.1-or-later"], True),
    ],
)
def test_the_licence_rule_tells_gpl_from_the_rest(alternatives: list[str], *, permitted: bool) -> None:
    """The rule refuses GPL, AGPL and silence, and allows LGPL and a choice that has another way."""
    assert is_permitted(alternatives) is permitted
