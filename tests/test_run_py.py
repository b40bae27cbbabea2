"""``run.py``: the environment is made once, completely or not at all, and everything runs in it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tiny_index import CREDENTIALS, PIP, ROOT, TINY, Project, TinyIndex, make_bare_python, write_wheels

if TYPE_CHECKING:
    from collections.abc import Iterator

DOWN = "http://127.0.0.1:9"  # the discard port: nothing listens there


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold the wheels that the index serves."""
    folder = tmp_path_factory.mktemp("wheels")
    write_wheels(folder)
    return folder


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold a Python that has no pip."""
    return make_bare_python(tmp_path_factory.mktemp("bare") / "python")


@pytest.fixture
def index(wheels: Path) -> Iterator[TinyIndex]:
    """Serve the wheels."""
    with TinyIndex(wheels) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, wheels: Path, bare_python: Path) -> Project:
    """Hold a project without environment, whose index is down."""
    project = Project(folder=tmp_path / "项目 one", wheels=wheels, home=tmp_path / "home", python=bare_python)
    project.environment["PIP_INDEX_URL"] = f"{DOWN}/simple"
    return project


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, wheels: Path, bare_python: Path) -> Project:
    """Hold a project whose environment was made from a private index named in pip.conf; tests only look at it."""
    folder = tmp_path_factory.mktemp("made")
    project = Project(folder=folder / "project", wheels=wheels, home=folder / "home", python=bare_python)
    config = folder / "pip.conf"
    project.environment["PIP_CONFIG_FILE"] = str(config)
    with TinyIndex(wheels) as server:
        index_url = f"http://{CREDENTIALS}@{server.place}/private/simple/"
        config.write_text(f"[global]\nindex-url = {index_url}\n[install]\nuser = true\n")
        result = project.run("govcrawl")
        assert result.returncode == 0, result.stderr
        assert [path for path in server.asked if not path.startswith("/private/")] == []
    return project


def is_one_sentence(text: str) -> bool:
    """Tell whether a message is a line in Chinese and one in English, after the line that announces the set-up."""
    lines = [line for line in text.splitlines() if not line.startswith("正在建立环境")]
    return len(lines) == 2 and bool(re.search("[，；。]", lines[0])) and not re.search("[，；。]", lines[1])


def test_a_command_gets_its_arguments_and_a_clean_environment(made: Project, tmp_path: Path) -> None:
    """The caller's directory and arguments reach the command, its exit code comes back, foreign paths stay out."""
    result = made.run("govcrawl", "export", "--format=csv", "中文", "exit=7", cwd=tmp_path)
    assert result.returncode == 7, result.stderr
    assert json.loads(result.stdout) == {
        "arguments": ["export", "--format=csv", "中文", "exit=7"],
        "cwd": str(tmp_path),
        "prefix": str(made.folder / ".venv"),
        "SCRAPY_SETTINGS_MODULE": "govcrawl.settings",
        "PYTHONUTF8": "1",
        "PYTHONPATH": None,
        "VIRTUAL_ENV": str(made.folder / ".venv"),
    }
    assert result.stderr == ""


def test_demo_is_a_govcrawl_command(made: Project) -> None:
    """``run.py demo`` is ``govcrawl demo``."""
    assert json.loads(made.run("demo", "--fast").stdout)["arguments"] == ["demo", "--fast"]


def test_python_is_the_one_of_the_environment(made: Project) -> None:
    """``run.py python`` sees what the lock holds and nothing else, not even the project's other files."""
    code = "import sys, tiny; from importlib import metadata, util; print(sys.prefix, sorted(d.name for d in metadata.distributions()), util.find_spec('backend'))"
    result = made.run("python", "-c", code)
    assert result.stdout.split("\n")[0] == f"{made.folder / '.venv'} ['govcrawl', 'pip', 'tiny'] None", result.stderr


def test_a_second_call_costs_less_than_half_a_second(made: Project) -> None:
    """With the environment there, run.py adds little to the command's own time and asks no index."""
    own = made.folder / ".venv" / "bin" / "python"
    took: dict[str, list[float]] = {"direct": [], "through run.py": []}
    for _ in range(5):
        started_at = time.perf_counter()
        subprocess.run([own, "-c", ""], check=True)
        took["direct"].append(time.perf_counter() - started_at)
        started_at = time.perf_counter()
        assert made.run("python", "-c", "").stderr == ""
        took["through run.py"].append(time.perf_counter() - started_at)
    assert min(took["through run.py"]) - min(took["direct"]) < 0.5


def test_help_and_unknown_commands_need_no_environment(project: Project) -> None:
    """``--help`` exits 0; no command, an unknown one and a stray argument show the usage and exit 2."""
    result = project.run("--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert "scrapy crawl AGENCY" in result.stdout
    for arguments in ([], ["crawl"], ["check", "extra"]):
        result = project.run(*arguments)
        assert (result.returncode, result.stdout) == (2, "")
        assert "usage: python3 run.py COMMAND" in result.stderr
    assert not (project.folder / ".venv").exists()


def test_an_old_python_is_told_which_one_is_needed(project: Project) -> None:
    """Before anything newer than Python 3.6 is used, the version is checked and one sentence says so."""
    code = "import runpy, sys; sys.version_info = (3, 9, 2); runpy.run_path(sys.argv[1], run_name='__main__')"
    command = [str(project.python), "-c", code, str(project.folder / "run.py"), "demo"]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert result.returncode == 1
    assert "Python 3.11 or newer is needed" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("index_url", [f"{DOWN}/simple", "http://index.invalid/simple", "gopher://index.invalid"])
def test_no_index_is_one_sentence(project: Project, index_url: str) -> None:
    """Without a reachable index and without pip, one sentence says what to do; nothing is run, nothing is left ready."""
    project.environment["PIP_INDEX_URL"] = index_url
    result = project.run("govcrawl")
    assert (result.returncode, result.stdout) == (1, "")
    assert is_one_sentence(result.stderr), result.stderr
    assert "PIP_FIND_LINKS" in result.stderr
    assert "--find-links" in result.stderr
    assert not project.stamp.exists()


def test_no_index_is_one_sentence_also_from_a_python_with_pip(project: Project) -> None:
    """Where this Python has a pip, that one tries too, and its failure is still one sentence."""
    project.python = Path(sys.executable)
    result = project.run("govcrawl")
    assert (result.returncode, result.stdout) == (1, "")
    assert is_one_sentence(result.stderr), result.stderr
    assert "--find-links" in result.stderr


def test_a_password_in_the_index_url_is_not_shown(project: Project) -> None:
    """An index that cannot be reached is named without the credentials in its URL."""
    project.environment["PIP_INDEX_URL"] = "http://reader:secret@127.0.0.1:9/simple"
    result = project.run("govcrawl")
    assert "127.0.0.1:9" in result.stderr
    assert "secret" not in result.stderr


def test_an_index_without_the_locked_pip_is_named(project: Project, index: TinyIndex) -> None:
    """An index that answers but has no pip is told apart from one that does not answer."""
    project.environment["PIP_INDEX_URL"] = f"http://{index.place}/empty"
    result = project.run("govcrawl")
    assert result.returncode == 1
    assert is_one_sentence(result.stderr), result.stderr
    assert f"No package index has {PIP}" in result.stderr


def test_a_python_with_pip_helps_where_the_index_lacks_the_locked_one(project: Project, index: TinyIndex) -> None:
    """The pip of this Python makes the same environment from the same lock."""
    project.python = Path(sys.executable)
    project.environment["PIP_INDEX_URL"] = f"http://{index.place}/simple"
    text = (project.folder / "run.py").read_text(encoding="utf-8")
    assert text.count('return f"pip-{found[1]}-py3-none-any.whl"') == 1
    absent = text.replace('return f"pip-{found[1]}-py3-none-any.whl"', 'return f"pip-{found[1]}-absent.whl"')
    (project.folder / "run.py").write_text(absent, encoding="utf-8")
    result = project.run("govcrawl")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["prefix"] == str(project.folder / ".venv")


def test_a_pip_wheel_with_another_hash_is_not_used(project: Project, index: TinyIndex) -> None:
    """The pip that the index offers is run only if it is the locked one."""
    project.environment["PIP_INDEX_URL"] = f"http://{index.place}/simple"
    project.write_lock(pip="1" * 64)
    result = project.run("govcrawl")
    assert (result.returncode, result.stdout) == (1, "")
    assert is_one_sentence(result.stderr), result.stderr
    assert "sha256" in result.stderr
    assert list((project.folder / ".venv").glob("*.whl")) == []


def test_a_package_with_another_hash_stops_the_set_up(project: Project, index: TinyIndex) -> None:
    """A package that is not the locked one is shown and not installed; with the right lock the same command works."""
    project.environment["PIP_INDEX_URL"] = f"http://{index.place}/simple"
    project.write_lock(tiny="1" * 64)
    result = project.run("govcrawl")
    assert (result.returncode, result.stdout) == (1, "")
    assert "does not match its hash in requirements.lock" in result.stderr
    assert "Traceback" not in result.stderr
    assert not project.stamp.exists()
    project.write_lock()
    assert project.run("govcrawl").returncode == 0


def test_wheels_in_a_directory_are_enough(project: Project, wheels: Path) -> None:
    """Without any index, PIP_FIND_LINKS names a directory with the wheels, as the message for that case says."""
    project.environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    result = project.run("govcrawl")
    assert result.returncode == 0, result.stderr


def test_a_killed_set_up_is_done_again(project: Project, index: TinyIndex) -> None:
    """Killed in the middle, run.py leaves no environment that counts; the next call waits for its pip and starts anew."""
    project.environment["PIP_INDEX_URL"] = f"http://{index.place}/simple"
    index.gate.clear()
    with project.start("govcrawl") as first:
        assert index.gate_reached.wait(60)
        first.send_signal(signal.SIGKILL)
        assert (project.folder / ".venv" / "bin" / "python").exists()
        assert not project.stamp.exists()
        with project.start("govcrawl", "again") as second:
            assert second.stderr is not None
            assert "waiting" in second.stderr.readline()
            index.gate.set()
            out, err = second.communicate(timeout=120)
    assert second.returncode == 0, err
    assert json.loads(out)["arguments"] == ["again"]
    assert index.asked.count(f"/files/{TINY}") == 2


def test_two_at_once_make_one_environment(project: Project, index: TinyIndex) -> None:
    """Of two first calls one makes the environment, the other waits, and both run."""
    project.environment["PIP_INDEX_URL"] = f"http://{index.place}/simple"
    with project.start("govcrawl", "one") as one, project.start("govcrawl", "two") as two:
        answers = [process.communicate(timeout=120) for process in (one, two)]
    assert [process.returncode for process in (one, two)] == [0, 0], answers
    assert [json.loads(out)["arguments"] for out, _ in answers] == [["one"], ["two"]]
    assert index.asked.count(f"/files/{PIP}") == 2  # run.py's own and the one that pip installs


@pytest.mark.parametrize(
    "damage", ["stamp gone", "stamp cut", "lock", "project", "python gone", "moved", "not a directory"]
)
def test_an_environment_that_does_not_fit_is_not_used(project: Project, damage: str) -> None:
    """Without the right stamp or without its Python an environment counts as absent: nothing runs in it."""
    project.pretend_ready()
    assert project.run("python", "-c", "print('used')").stdout == "used\n"
    if damage == "stamp gone":
        project.stamp.unlink()
    elif damage == "stamp cut":
        os.truncate(project.stamp, 10)
    elif damage == "lock":
        project.write_lock(tiny="1" * 64)
    elif damage == "project":
        path = project.folder / "pyproject.toml"
        path.write_text(path.read_text().replace('version = "1.0"', 'version = "1.1"'))
    elif damage == "python gone":
        (project.folder / ".venv" / "bin" / "python").unlink()
    elif damage == "moved":
        project.folder = project.folder.rename(project.folder.with_name("moved"))
    else:
        shutil.rmtree(project.folder / ".venv")
        (project.folder / ".venv").write_text("")
    result = project.run("python", "-c", "print('used')")
    assert (result.returncode, result.stdout) == (1, ""), result.stderr
    assert "No package index could be reached" in result.stderr
    assert not project.stamp.exists()


def test_a_lint_rule_makes_no_new_environment(project: Project) -> None:
    """Only the parts of pyproject.toml that packaging reads belong to the stamp."""
    project.pretend_ready()
    with (project.folder / "pyproject.toml").open("a") as file:
        file.write("\n[tool.ruff]\nline-length = 100\n")
    assert project.run("python", "-c", "print('used')").stdout == "used\n"


def test_the_environment_is_not_changed_under_a_running_command(project: Project) -> None:
    """While a command runs, a set-up that would replace its environment is refused; a command that fits may start."""
    project.pretend_ready()
    with project.start("python", "-c", "print('started', flush=True); input()") as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "started\n"
        assert project.run("python", "-c", "print('beside it')").stdout == "beside it\n"
        project.write_lock(tiny="1" * 64)
        result = project.run("govcrawl")
        assert result.returncode == 1
        assert is_one_sentence(result.stderr), result.stderr
        assert "commands are still running in it" in result.stderr
        assert project.stamp.exists()
        running.communicate("\n", timeout=60)
    assert running.returncode == 0


def test_check_runs_every_check_and_says_which_failed(project: Project) -> None:
    """``run.py check`` goes on after a failure, runs in the project's folder, and exits 1 when anything failed."""
    project.pretend_ready()
    for name, exit_code in (("ruff", 0), ("mypy", 3), ("lint-imports", 0)):
        program = project.folder / ".venv" / "bin" / name
        program.write_text(f'#!/bin/sh\necho "$(basename "$0") $* in $(pwd)"\nexit {exit_code}\n')
        program.chmod(0o755)
    result = project.run("check")
    assert result.returncode == 1
    ran = ["ruff check .", "ruff format --check .", "mypy ", "lint-imports --no-logo"]
    assert result.stdout.splitlines() == [f"{command} in {project.folder}" for command in ran]
    assert result.stderr.splitlines()[-1].endswith("failed: mypy")
    (project.folder / ".venv" / "bin" / "mypy").write_text("#!/bin/sh\n")
    assert project.run("check").returncode == 0


def test_nothing_in_run_py_needs_more_than_the_standard_library() -> None:
    """What run.py imports is there before any package is."""
    imported = re.findall(r"^\s*(?:import|from) (\w+)", (ROOT / "run.py").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(imported) <= sys.stdlib_module_names
