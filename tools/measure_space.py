"""Speed of the Space in a browser: start, photos a second while painting, from stroke to photo.

    python tools/measure_space.py [--model camvid] [--seconds 10] [--rounds 3] [--speed 1]
    python tools/measure_space.py [--model camvid] --clients 64 --memory 2000

Starts space_app.py, paints in a headless Chromium, and prints tables. Needs Playwright, psutil and Chromium.
With `--clients` or `--memory` it sends requests without a browser instead: it counts the wrong photos among
those of many clients at once, and prints how much memory the server gained over many photos.
The load of the machine is printed too, because other processes slow the Space down.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the clients are those of the tests

from tests.space.crowd import all_at_once, random_map  # noqa: E402
from tests.space.served_space import ServedSpace  # noqa: E402

WARM_PHOTOS = 200  # before memory is compared
TIMEOUT = 120.0  # seconds
MOVES_PER_STROKE = 60
CHROMIUM_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
SETTLED = """() => {
    const page = document.querySelector(".dps");
    return page && page.dataset.live === "idle" && page.dataset.photoOf === page.dataset.version;
}"""
# Latency of a single dab: from the pointer event's time to the first frame with the new photo.
WATCH_DABS = """() => {
    window.dabs = [];
    let start = null;
    document.querySelector("#dps-map").addEventListener("pointerdown", (event) => (start = event.timeStamp));
    new MutationObserver(() => {
        const since = start;
        start = null;
        const shown = (now) => window.dabs.push(now - since);
        if (since !== null) requestAnimationFrame(() => requestAnimationFrame(shown));
    }).observe(document.querySelector("#dps-photo"), { attributeFilter: ["src"] });
}"""


@contextmanager
def serving(model: str) -> Iterator[tuple[str, float, int]]:
    """Run the Space; yield its address, its start time and its process id."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, str(ROOT / "space_app.py"), "--model", model, "--port", str(port)]
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}/", start, process.pid
    finally:
        process.kill()
        process.wait()


def wait_for_answer(address: str) -> None:
    """Return when the address answers.

    Raises:
        TimeoutError: it does not within `TIMEOUT`.
    """
    end = time.monotonic() + TIMEOUT
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(address, timeout=10).close()
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.02)
    raise TimeoutError(f"{address}: no answer within {TIMEOUT:.0f} s.")


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process and its children."""
    process = psutil.Process(pid)
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(time.user + time.system for time in times)


def measure_start(page: Any, address: str, start: float, pid: int) -> dict[str, float]:
    """Return the seconds from the start of the process to its first answer, painter and photo."""
    wait_for_answer(address)
    seconds = {"the address answers": time.perf_counter() - start}
    page.goto(address, wait_until="commit")
    page.wait_for_selector('.dps[data-ready="true"]', timeout=1000 * TIMEOUT)
    seconds["one can paint"] = time.perf_counter() - start
    page.wait_for_function(SETTLED, timeout=1000 * TIMEOUT)
    seconds["the first photo is there"] = time.perf_counter() - start
    seconds["the same, in seconds of the server's processor time"] = processor_seconds(pid)
    return seconds


def paint(page: Any, seconds: float, speed: float) -> tuple[float, list[dict[str, float]]]:
    """Paint strokes in changing classes without a pause.

    Args:
        page: of Playwright.
        seconds: of painting.
        speed: of the brush in widths of the map a second; infinite: as fast as the browser takes it.

    Returns:
        Photos a second, and the page's times of each photo in milliseconds. The rate while the brush is down,
        without the pauses in which it changes its class, is printed too.
    """
    box = page.locator("#dps-map").bounding_box()
    chips = page.locator("#dps-classes [role=radio]")

    def replies() -> int:
        return int(page.get_attribute(".dps", "data-replies"))

    before = down_replies = replies()
    start = down_since = time.perf_counter()
    move, way, last = 0, 0.0, None
    drawn, drawing = 0, 0.0  # photos and seconds while the brush was down
    step = 0.11 if math.isinf(speed) else 0.03  # slower brushes move in finer steps
    while time.perf_counter() - start < seconds:
        if move % MOVES_PER_STROKE == 0:
            if move:
                drawn, drawing = drawn + replies() - down_replies, drawing + time.perf_counter() - down_since
            page.mouse.up()
            chips.nth((7 * move // MOVES_PER_STROKE) % chips.count()).click()
        angle = step * move
        x, y = 0.5 + 0.42 * math.sin(angle), 0.5 + 0.42 * math.sin(0.73 * angle + 1)
        way += math.dist((x, y), last or (x, y))
        last = (x, y)
        time.sleep(max(0.0, start + way / speed - time.perf_counter()))
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if move % MOVES_PER_STROKE == 0:
            page.mouse.down()
            down_replies, down_since = replies(), time.perf_counter()
        move += 1
    photos = replies() - before
    elapsed = time.perf_counter() - start
    page.mouse.up()
    page.wait_for_function(SETTLED)
    times = page.evaluate("count => dpsims.timings.slice(-count)", min(photos, 500))
    down = f"{drawn / drawing:.1f} while the brush is down, " if drawing else ""
    print(f"    {photos / elapsed:.1f} photos/s, {down}{move / elapsed:.0f} pointer moves/s")
    return photos / elapsed, times


def dab(page: Any, count: int) -> list[float]:
    """Return the milliseconds of single dabs, from the pointer to the frame that shows the photo."""
    page.evaluate(WATCH_DABS)
    box = page.locator("#dps-map").bounding_box()
    for number in range(count):
        page.click(f'#dps-classes [data-id="{number % 2}"]')
        page.wait_for_function(SETTLED)
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_function("count => window.dabs.length > count", arg=number)
    return page.evaluate("window.dabs")


def print_quantiles(what: str, values: list[float]) -> None:
    """Print one row: the median and the 95th percentile, in milliseconds."""
    percentiles = statistics.quantiles(values, n=20)
    print(f"| {what} | {statistics.median(values):.0f} | {percentiles[-1]:.0f} |")


def wrong_photos(served: Any, count: int) -> int:
    """Ask for photos of distinct maps and seeds one by one, then all at once; return how many differ."""
    requests = [{"map": random_map(served.model, number), "seed": number} for number in range(count)]
    alone = [served.photo(**one) for one in requests]
    together = all_at_once([partial(served.photo, **one) for one in requests])
    return sum(one != other for one, other in zip(alone, together, strict=True))


def growth(served: Any, count: int) -> tuple[int, int]:
    """Return the server's memory after `WARM_PHOTOS` photos, and its growth over `count` more, in bytes."""
    maps = [random_map(served.model, number) for number in range(100)]

    def make(first: int, last: int) -> None:
        for number in range(first, last):
            served.photo(map=maps[number % len(maps)], seed=number)

    make(0, WARM_PHOTOS)
    warm = served.rss()
    make(WARM_PHOTOS, WARM_PHOTOS + count)
    return warm, served.rss() - warm


def measure_load(model: str, clients: int, photos: int) -> None:
    """Measure many clients at once and many photos, and print the results."""
    with TemporaryDirectory() as folder:
        served = ServedSpace([model], Path(folder))
        try:
            if clients:
                print(f"{clients} clients at once: {wrong_photos(served, clients)} wrong photos")
            if photos:
                warm, grown = growth(served, photos)
                print(f"{photos} photos: {grown / 1e6:+.1f} MB from {warm / 1e6:.0f} MB")
        finally:
            served.stop()


def load() -> str:
    """Return the machine's load of the last minute, and its cores."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="camvid", help="as for space_app.py (default: camvid)")
    parser.add_argument("--seconds", type=float, default=10, help="of painting in a round (default: 10)")
    parser.add_argument(
        "--speed",
        type=float,
        default=math.inf,
        help="of the brush, widths of the map a second (default: fastest)",
    )
    parser.add_argument("--rounds", type=int, default=3, help="of painting (default: 3)")
    parser.add_argument("--dabs", type=int, default=40, help="single dabs (default: 40)")
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="path of the browser")
    parser.add_argument("--clients", type=int, default=0, help="clients at once, for example 64")
    parser.add_argument("--memory", type=int, default=0, metavar="N", help="photos, for example 2000")
    arguments = parser.parse_args()
    if arguments.clients or arguments.memory:
        print(f"before: {load()}")
        measure_load(arguments.model, arguments.clients, arguments.memory)
        print(f"after: {load()}")
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        options = {"executable_path": arguments.chromium, "args": list(CHROMIUM_ARGUMENTS)}
        browser = driver.chromium.launch(**options)
        page = browser.new_page(viewport={"width": 1366, "height": 820})
        print(f"before: {load()}")
        with serving(arguments.model) as (address, start, pid):
            started = measure_start(page, address, start, pid)
            painted = [paint(page, arguments.seconds, arguments.speed) for _ in range(arguments.rounds)]
            dabs = dab(page, arguments.dabs)
        browser.close()
    print(f"after: {load()}\n\n| start of the process until | seconds |\n| --- | --- |")
    for what, seconds in started.items():
        print(f"| {what} | {seconds:.1f} |")
    rates = ", ".join(f"{rate:.1f}" for rate, _ in painted)
    print(f"\nPhotos a second while painting: {rates}\n\n| milliseconds | p50 | p95 |\n| --- | --- | --- |")
    times = [time for _, round_times in painted for time in round_times]
    print_quantiles("the network", [time["model"] for time in times])
    print_quantiles("from request to photo", [time["trip"] for time in times])
    print_quantiles("from stroke to photo, while painting", [time["stroke"] for time in times])
    print_quantiles("from a single dab to its photo on the screen", dabs)


if __name__ == "__main__":
    main()
