"""What a real browser makes of archived pages that try everything."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from exhibits import PAGE_URL, PDF, exhibit_of, make_archive, serving
from hostile_pages import HOSTILE, OUTSIDE
from trap import Trap, browsing, trapping

from govcrawl.replay import render_replay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive; tests read it only."""
    return make_archive(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    """The outside."""
    with trapping() as server:
        yield server


@pytest.fixture(scope="module")
def chromium(trap: Trap) -> Iterator[Browser]:
    """A browser for which every other name leads into the trap."""
    with browsing(trap) as browser:
        yield browser


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An archive for each hostile page, and one for a page that tries everything."""
    bodies = {**HOSTILE, "all": "".join(HOSTILE.values())}
    return {
        name: make_archive(tmp_path_factory.mktemp("hostile"), f"<!DOCTYPE html><p>正文在此</p>{body}")
        for name, body in bodies.items()
    }


@pytest.mark.browser
def test_the_trap_catches(chromium: Browser, trap: Trap) -> None:
    """Shown without the sandbox, the same pages do reach the outside: what follows proves something."""
    trap.asked.clear()
    page = chromium.new_page()
    page.set_content("".join(HOSTILE.values()))
    page.wait_for_timeout(1000)
    page.close()
    assert any(asked.startswith(OUTSIDE) for asked in trap.asked)


@pytest.mark.browser
@pytest.mark.parametrize("name", ["all", *HOSTILE])
@pytest.mark.parametrize("framed", [True, False], ids=["framed", "alone"])
def test_a_browser_runs_and_fetches_nothing(
    hostile: dict[str, Path], chromium: Browser, trap: Trap, name: str, *, framed: bool
) -> None:
    """In Chromium a hostile page shows its text, runs no script, asks no other host, and stays where it is when clicked."""
    data = hostile[name]
    trap.asked.clear()
    foreign: list[str] = []
    with serving(data, exhibit_of(data, number=1)) as server:
        page = chromium.new_page()
        page.on(
            "request", lambda request: foreign.append(request.url) if not request.url.startswith(server.url) else None
        )
        page.goto(server.url if framed else f"{server.url}page")
        page.wait_for_load_state("load")
        shown = page.frames[-1]
        assert "正文在此" in shown.locator("body").inner_text()
        for link in shown.locator("a, button, area").all():
            link.dispatch_event("click")
        page.wait_for_timeout(300)
        assert page.title() != "ran"
        assert {frame.url for frame in page.frames} <= {server.url, f"{server.url}page"}
        page.close()
    assert [url for url in foreign if not url.startswith("data:")] == []
    assert trap.asked == []


@pytest.mark.browser
@pytest.mark.parametrize("wall", ["rewriting", "headers"])
def test_each_wall_alone(data: Path, chromium: Browser, trap: Trap, wall: str) -> None:
    """Rewritten and served without headers, or the other way about, a page that tries everything reaches nothing."""
    trap.asked.clear()
    hostile = f"<!DOCTYPE html><p>正文在此</p>{''.join(HOSTILE.values())}".encode()
    exhibit = exhibit_of(data)
    exhibit.page = hostile
    page = chromium.new_page()
    with serving(data, exhibit) as server:
        if wall == "headers":
            page.goto(server.url)
        else:
            page.set_content(render_replay(hostile, url=PAGE_URL, content_type=None, place=lambda *_: None).decode())
        page.wait_for_timeout(1000)
        page.close()
    assert trap.asked == []


@pytest.mark.browser
def test_a_browser_shows_picture_style_and_file(data: Path, chromium: Browser) -> None:
    """Captured pictures and styles are seen in the frame, and the attachment can be downloaded from it."""
    with serving(data, exhibit_of(data)) as server:
        page = chromium.new_page()
        page.goto(server.url)
        frame = page.frame_locator("iframe")
        picture = frame.locator("#picture")
        picture.wait_for()
        box = picture.bounding_box()
        assert box is not None
        assert (box["width"], box["height"]) == (3, 2)
        style = frame.locator("h1")
        assert style.evaluate("element => getComputedStyle(element).color") == "rgb(1, 2, 3)"
        with page.expect_download() as download:
            frame.locator("#file").click()
        assert Path(download.value.path()).read_bytes() == PDF
        assert download.value.suggested_filename == "P1.pdf"
        page.close()
