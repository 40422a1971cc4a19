"""The pictures of docs/page.md: the job of `make demo` on the simulator, as Chromium shows it in light and in dark.

make pictures; pngquant, if it is installed, makes them a third as large
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.server import running_server
from gepa_next.client import Client

DEMO = files("gepa_next.demo").joinpath("job.json").read_text(encoding="utf-8")
FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/pictures")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
WIDTHS = (1440, 820, 400)
HEIGHT = 900
Scheme = Literal["light", "dark"]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        variables = {"DATABASE_PATH": str(Path(folder, "pictures.sqlite3")), "JUDGE_CHECK_INTERVAL_S": "0"}
        with running_server(variables) as server, sync_playwright() as started, Client(server.url) as client:
            job = client.optimize(**json.loads(DEMO))
            for _ in client.events(job.job_id):
                pass
            browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
            for scheme in get_args(Scheme):
                take_all(browser, scheme, server.url, job.job_id)
            browser.close()
    if pngquant := shutil.which("pngquant"):
        subprocess.run([pngquant, "--force", "--ext", ".png", *map(str, FOLDER.glob("*.png"))], check=True)


def take_all(browser: Browser, scheme: Scheme, url: str, job_id: str) -> None:
    for width in WIDTHS:
        with page_of(browser, scheme, width) as page:
            open_job(page, f"{url}/jobs/{job_id}")
            page.screenshot(path=FOLDER / f"job-{scheme}-{width}.png", full_page=True)
    for name, show, path in (("case", open_case, f"jobs/{job_id}"), ("new", ask_for_quote, "new")):
        with page_of(browser, scheme, WIDTHS[0]) as page:
            show(page, f"{url}/{path}")
            page.screenshot(path=FOLDER / f"{name}-{scheme}.png", full_page=name == "new")


@contextmanager
def page_of(browser: Browser, scheme: Scheme, width: int) -> Iterator[Page]:
    """Yield a page of that width; it closes with the block."""
    page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": HEIGHT})
    yield page
    page.close()


def open_job(page: Page, url: str) -> None:
    """Show all of a finished job."""
    page.goto(url)
    page.wait_for_selector("#connection[data-state=ended]", state="attached")
    page.wait_for_selector("#heat canvas")
    page.wait_for_selector("#tree .ring")
    page.wait_for_function("() => document.querySelector('#prompt-about').textContent")


def open_case(page: Page, url: str) -> None:
    """Show an example that the best candidate gained on, with what both prompts made of it."""
    open_job(page, url)
    page.locator("#heat canvas").focus()
    best = page.text_content("#candidate option") or ""
    number = int(best.partition("#")[2].partition(")")[0])
    rows = page.evaluate("async () => (await (await fetch(`${location.pathname}/scores`)).json()).outcomes")
    for _ in range(sorted({row[0] for row in rows}).index(number)):
        page.keyboard.press("ArrowDown")
    for key in ("ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    page.wait_for_selector("#case .pair")


def ask_for_quote(page: Page, url: str) -> None:
    """Show the form of the same job with its quote."""
    job = json.loads(DEMO)
    page.goto(url)
    page.get_by_label("Prompt to improve").fill(job["prompt"])
    page.get_by_label("Examples").first.fill("\n".join(json.dumps(each) for each in job["examples"]))
    page.get_by_role("button", name="Get a quote").click()
    page.wait_for_selector("#answer .quote")
    page.evaluate("scrollTo(0, 0)")


if __name__ == "__main__":
    main()
