"""The explorer's page in a browser: Chromium opens it from disk, and somebody drags, types, tabs and looks.

Skipped where there is no Chromium (`chromium`, `google-chrome` or the like on the path), or no playwright to drive it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.places import ROOT
from tests.specs import CROSSED
from twopeaks.validate.cli.app import run
from twopeaks.validate.measured.from_csv import measured_csv
from twopeaks.validate.scores.predictors import read_predictions
from twopeaks.validate.scores.words import number

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
#: Longest wait for anything, in milliseconds: a busy machine is slow, and a page that hangs never gets there.
PATIENCE = 30_000

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the path"),
    pytest.mark.usefixtures("predictors_in_no_time"),
]


@dataclass
class Seen:
    """A page that is open, and what it said and asked for."""

    page: Page
    console: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def heights(self) -> tuple[float, float]:
        """Of memorisation and generalisation, as they are drawn."""
        tops = (self.page.locator(f"#peak-{kind}").get_attribute("data-height") for kind in ("mem", "gen"))
        memorising, generalising = (float(top or "nan") for top in tops)
        return memorising, generalising

    @property
    def n(self) -> int:
        return int(self.page.locator("#n").input_value())

    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        wide: int = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return wide


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    driver = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with driver.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory, predictors_in_no_time: None) -> Path:
    """The page of two groups that are in results/."""
    folder, kept = tmp_path_factory.mktemp("committed"), ("Z11,", "S4,")
    for name in ("measured", "predictions"):
        lines = (ROOT / "results" / "transitions" / f"{name}.csv").read_text().splitlines()
        place = 0 if name == "measured" else 2
        rows = [line for line in lines[1:] if line.split(",")[place] + "," in kept]
        (folder / f"{name}.csv").write_text("\n".join([lines[0], *rows]) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(["report", "measured.csv", "--predictions", "predictions.csv"]) == 0
    return folder / "twopeaks-report.html"


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, predictors_in_no_time: None) -> Path:
    folder = tmp_path_factory.mktemp("swept")
    (folder / "tiny.toml").write_text(CROSSED)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(["sweep", "tiny.toml", "--workers", "1", "--device", "cpu"]) == 0
        assert run(["report", "tiny.toml"]) == 0
    return folder / "twopeaks-report.html"


def opened(browser: Browser, path: Path, width: int = 1280, height: int = 900, scheme: str = "light") -> Seen:
    """Open from disk and wait until everything is there; whatever it says or asks for is kept."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page.set_default_timeout(PATIENCE)
    seen = Seen(page)
    page.on("console", lambda message: seen.console.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: seen.console.append(f"thrown: {error}"))
    page.on("request", lambda request: seen.requests.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    return seen


def told(path: Path, group: str, predictor: str) -> float:
    """What the file of predictions says."""
    cells, _ = measured_csv(path.parent / "measured.csv")
    said, _ = read_predictions(path.parent / "predictions.csv", cells)
    mine = next(one for one in said if one.predictor == predictor)
    value = next(p.value for p in mine.on.values() if p.group == group)
    assert value is not None
    return value


def test_it_opens_from_disk_and_asks_for_nothing_else(browser: Browser, committed: Path) -> None:
    seen = opened(browser, committed)
    for chart in ("#plot-claimed", "#plot-heights", "#plot-fates"):
        seen.page.locator(chart).scroll_into_view_if_needed()
        seen.page.locator(f"{chart} .main-svg").first.wait_for()
    paint = seen.page.evaluate("performance.getEntriesByType('paint').map((entry) => Math.round(entry.startTime))")
    ready = seen.page.locator("html").get_attribute("data-ready")
    print(f"first paint after {paint[0]} ms, charts after {ready} ms, {committed.stat().st_size / 1e6:.1f} MB")  # noqa: T201
    assert seen.console == []
    assert seen.requests == [committed.as_uri()]
    seen.page.close()


def test_the_slider_sinks_one_peak_and_raises_the_other(browser: Browser, committed: Path) -> None:
    seen = opened(browser, committed)
    slider = seen.page.locator("#n")
    low, high = (int(slider.get_attribute(end) or 0) for end in ("min", "max"))
    found = []
    for n in range(low, high + 1, 7):
        slider.fill(str(n))
        found.append(seen.heights())
        assert f"n = {n} " in seen.page.locator("#n-shown").inner_text()
    memorising, generalising = zip(*found, strict=True)
    assert list(memorising) == sorted(memorising, reverse=True)
    assert list(generalising) == sorted(generalising)
    assert memorising[0] > generalising[0]
    assert memorising[-1] < generalising[-1]
    assert len(set(memorising)) == len(memorising)
    assert seen.console == []
    seen.page.close()


@pytest.mark.parametrize("group", ["Z11", "S4"])
def test_the_label_of_the_crossing_is_the_number_of_table_and_file(
    browser: Browser, committed: Path, group: str
) -> None:
    seen = opened(browser, committed)
    seen.page.locator("#group").select_option(label=group)
    value = told(committed, group, "heights-shared")
    assert seen.page.locator("#marks .crossing").inner_text().endswith(f" {number(value)}")
    name = seen.page.get_by_role("rowheader", name="heights-shared", exact=True)
    row = seen.page.locator("#claimed-table tr", has=name)
    assert row.locator("td").first.inner_text().startswith(f"{number(value)} [")
    seen.page.locator("#to-crossing").click()
    assert seen.n == round(value)
    memorising, generalising = seen.heights()
    assert memorising == pytest.approx(0.5, abs=0.01)
    assert memorising + generalising == pytest.approx(1, abs=1e-5)
    seen.page.close()


def test_keys_move_n_and_reach_everything(browser: Browser, committed: Path) -> None:
    seen = opened(browser, committed)
    slider = seen.page.locator("#n")
    slider.focus()
    before, n = seen.heights(), seen.n
    seen.page.keyboard.press("ArrowRight")
    assert seen.n == n + 1
    assert seen.heights()[0] < before[0]
    assert f"n = {n + 1}: memorising is cheaper" in (slider.get_attribute("aria-valuetext") or "")
    seen.page.keyboard.press("End")
    assert seen.n == int(slider.get_attribute("max") or 0)
    assert "generalising is cheaper" in (slider.get_attribute("aria-valuetext") or "")
    seen.page.keyboard.press("Home")
    assert seen.n == int(slider.get_attribute("min") or 0)
    reached = tabbed(seen.page)
    controls = seen.page.evaluate(
        "[...document.querySelectorAll('a[href], button, select, input, summary')].filter((one) => !one.disabled && "
        "one.checkVisibility() && !(one.tagName !== 'SUMMARY' && one.closest('details:not([open])'))).length"
    )
    assert reached == controls
    seen.page.close()


def tabbed(page: Page) -> int:
    """How many controls the tab key reaches, from the top; regions that scroll are reached besides."""
    page.evaluate("document.activeElement.blur(); window.scrollTo(0, 0); window.reached = new Set()")
    note = "(() => { const one = document.activeElement, again = reached.has(one); reached.add(one); return again; })()"
    for _ in range(400):
        page.keyboard.press("Tab")
        if page.evaluate(note):
            break
    controls: int = page.evaluate(
        "[...reached].filter((one) => one.matches('a[href], button, select, input, summary')).length"
    )
    return controls


@pytest.mark.parametrize(("width", "height", "scheme"), [(360, 740, "dark"), (1280, 900, "light")])
def test_it_fits_a_phone_and_a_desk_by_day_and_night(
    browser: Browser, swept: Path, width: int, height: int, scheme: str
) -> None:
    seen = opened(browser, swept, width, height, scheme)
    assert seen.overflow() <= 0
    paper = "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)"
    assert (sum(seen.page.evaluate(paper)) < 200) == (scheme == "dark")
    seen.page.locator("#theme").click()
    assert (sum(seen.page.evaluate(paper)) < 200) == (scheme == "light")
    for details in seen.page.locator("summary").all():
        if details.is_visible():
            details.click()
    assert seen.overflow() <= 0
    assert seen.console == []
    seen.page.close()


def test_curves_and_fates_are_drawn(browser: Browser, swept: Path) -> None:
    seen = opened(browser, swept)
    cards = seen.page.locator("#curve-cards article")
    assert cards.count() >= 2
    cards.first.scroll_into_view_if_needed()
    cards.first.locator(".main-svg").first.wait_for()
    assert "t_mem" in cards.first.inner_text()
    assert seen.page.locator("#people i").count() == 3
    assert "3 networks grokked within the budget" in seen.page.locator("#fate-words").inner_text()
    assert "heights-closed-form" in seen.page.locator("#claimed-table").inner_text()
    assert seen.console == []
    seen.page.close()


ODD = """group,expression,field,samples,width,optimizer,quantity,value,low,high,seeds,steps,note
,x*y+1,5,12,32,,t_mem,100,0,100,4,1000,
Z4,,,8,32,,t_mem,,1000,,4,1000,
Z11,,,,154,,n_c,,,80,8,20000,
Z11,,,,154,muon,n_c,73,72,74,8,,
Z11,,,60,154,adamw,t_grok,900,800,950,8,20000,
S3,,,,66,,n_c,,20,,,,
"""


def test_groups_of_which_little_is_known_are_shown_too(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "odd.csv").write_text(ODD)
    assert run(["report", str(tmp_path / "odd.csv"), "--out", str(tmp_path / "odd.html")]) == 0
    seen = opened(browser, tmp_path / "odd.html")
    names = seen.page.locator("#group option").all_inner_texts()
    assert len(names) == 6
    for name in names:
        seen.page.locator("#group").select_option(label=name)
        seen.page.locator("#n").fill(seen.page.locator("#n").get_attribute("max") or "")
        for chart in ("#plot-claimed", "#plot-heights", "#plot-fates"):
            seen.page.locator(chart).evaluate("(box) => box.scrollIntoView({ behavior: 'instant' })")
            seen.page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(true))))")
        assert "NaN" not in seen.page.locator("#peaks").inner_text()
        assert "undefined" not in seen.page.locator("#peaks").inner_text()
    assert seen.console == []
    seen.page.close()


def test_a_command_is_copied(browser: Browser, swept: Path) -> None:
    seen = opened(browser, swept)
    seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    box = seen.page.locator("#scoreboard .command").first
    box.locator("button").click()
    command = box.locator("code").inner_text()
    seen.page.locator("#said", has_text=command).wait_for(state="attached")
    seen.page.close()
