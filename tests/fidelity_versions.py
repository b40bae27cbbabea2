"""Byte fidelity with the lowest and the highest admitted Scrapy: ``python3 run.py python tests/fidelity_versions.py``.

Each version gets a throw-away environment with everything else as locked, and runs the tests that compare the wire with
the tap and with the archive. ``--version`` names others; ``--keep`` leaves the environments where they were made.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ("tests/test_wire.py", "tests/test_download.py", "tests/test_fidelity.py")
PIN = re.compile(r"(?m)^([A-Za-z0-9._-]+)==([^\s;\\]+)\s*(?:;\s*([^\\\n]+?))?\s*\\?$")


def admitted() -> tuple[str, str]:
    """Return the lowest Scrapy that pyproject.toml admits, and the requirement whose highest is the other end."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (requirement,) = [one for one in project["dependencies"] if re.match(r"scrapy\s*[<>=]", one)]
    lowest = re.search(r">=\s*([0-9.]+)", requirement)
    if lowest is None:
        sys.exit(f"pyproject.toml: {requirement!r} names no lowest version of Scrapy (>=)")
    return f"scrapy=={lowest[1]}", requirement  # "==2.18" is 2.18.0 and nothing else


def make_environment(folder: Path, scrapy: str) -> Path:
    """Make an environment with this Scrapy and the locked versions of everything else; return its Python."""
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    python = folder / "bin" / "python"
    locked = [
        f"{name}=={version}" + (f"; {marker}" if marker else "")
        for name, version, marker in PIN.findall((ROOT / "requirements.lock").read_text("utf-8"))
        if name.lower() != "scrapy"
    ]
    constraints = folder / "locked.txt"
    constraints.write_text("\n".join(locked) + "\n", "utf-8")
    wanted = [line for line in locked if not line.startswith(("ruff", "mypy", "import-linter", "grimp"))]
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    subprocess.run([*command, "--only-binary=:all:", "--constraint", str(constraints), scrapy, *wanted], check=True)
    return python


def run_tests(python: Path, more: list[str]) -> int:
    """Run the fidelity tests with an environment's Python on the project as it lies here."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS, *more]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def main() -> int:
    """Test each version; the exit code is 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", action="append", metavar="X.Y.Z", help="this Scrapy instead of lowest and highest")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="make the environments here and leave them")
    options, more = parser.parse_known_args()
    wanted = [f"scrapy=={version}" for version in options.version] if options.version else list(admitted())
    failed = []
    with tempfile.TemporaryDirectory(prefix="fidelity-") as temporary:
        for number, scrapy in enumerate(wanted):
            python = make_environment((options.keep or Path(temporary)) / f"{number}", scrapy)
            told = "import scrapy, twisted; print(f'Scrapy {scrapy.__version__}, Twisted {twisted.__version__}')"
            what = subprocess.run([str(python), "-c", told], capture_output=True, text=True, check=True).stdout.strip()
            sys.stderr.write(f"{what}\n")
            if run_tests(python, more):
                failed.append(what)
    sys.stderr.write(f"failed with: {'; '.join(failed)}\n" if failed else "byte-exact with every version\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
