"""Headless browser for previews, with operations on the map."""

import json
import os
import re
import shutil
from contextlib import contextmanager

import pytest
from selenium.webdriver import ActionChains, Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

NAMES = ("chromium", "chromium-browser", "google-chrome")
SWITCHES = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars",
    "--force-color-profile=srgb",
)  # fmt: skip


@contextmanager
def running():
    """Start a browser from the Debian packages chromium and chromium-driver; skips the test if not installed."""
    program, driver = next(filter(None, map(shutil.which, NAMES)), None), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("needs chromium and chromedriver: apt-get install chromium chromium-driver")
    options = ChromeOptions()
    options.binary_location = program
    for switch in SWITCHES:
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    os.environ["SE_OFFLINE"] = "true"  # no search for a driver on the network
    chrome = Chrome(options=options, service=Service(driver))
    try:
        yield Page(chrome)
    finally:
        chrome.quit()


class Page:
    """A preview in the browser."""

    def __init__(self, chrome):
        self.chrome = chrome

    def open(self, path, *, size=(1100, 750), ratio=1, scheme="light"):
        """Open a preview and wait until it is drawn."""
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": ratio, "mobile": False}
        self.chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        colours = {"name": "prefers-color-scheme", "value": scheme}
        self.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [colours]})
        self.chrome.get("about:blank")
        for kind in ("browser", "performance"):
            self.chrome.get_log(kind)
        self.chrome.get(path.as_uri())
        WebDriverWait(self.chrome, 20).until(lambda _: self.map.get_attribute("data-ready") or self.text("failure"))
        return self

    @property
    def map(self):
        return self.chrome.find_element(By.ID, "map")

    def of(self, selector):
        return self.chrome.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector):
        return self.chrome.find_elements(By.CSS_SELECTOR, selector)

    def run(self, script, *arguments):
        return self.chrome.execute_script(script, *arguments)

    def text(self, name):
        """Text of an element by id, visible or not."""
        return self.run("return document.getElementById(arguments[0]).textContent", name)

    def settled(self):
        """Wait until drawing is complete."""
        self.chrome.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
        return self

    def view(self):
        """CSS pixels per cell, and column and row of the centre."""
        self.settled()
        return tuple(float(self.map.get_attribute(f"data-{name}")) for name in ("scale", "column", "row"))

    def box(self):
        """Position and size of the map in the window, not rounded as those of the driver. [css pixel]"""
        return self.run("return document.getElementById('map').getBoundingClientRect().toJSON()")

    def place(self, column, row):
        """Position of the centre of a cell in the window. [css pixel]"""
        scale, middle, line = self.view()
        box = self.box()
        across, down = (column + 0.5 - middle) * scale, (row + 0.5 - line) * scale
        return round(box["x"] + box["width"] / 2 + across), round(box["y"] + box["height"] / 2 + down)

    def point(self, x, y, *, press=False, release=False):
        """Move the pointer to a position in the window, and press or release there."""
        actions = ActionBuilder(self.chrome, duration=0)
        actions.pointer_action.move_to_location(x, y)
        if press:
            actions.pointer_action.pointer_down()
        if release:
            actions.pointer_action.pointer_up()
        actions.perform()
        return self.settled()

    def click(self, column, row):
        return self.point(*self.place(column, row), press=True, release=True)

    def hover(self, column, row):
        return self.point(*self.place(column, row))

    def drag(self, start, by):
        """Press at a position in the window, move by an offset, and release."""
        self.point(*start, press=True)
        self.point(start[0] + by[0] // 2, start[1] + by[1] // 2)
        return self.point(start[0] + by[0], start[1] + by[1], release=True)

    def wheel(self, place, amount):
        """Turn the wheel at a position in the window; a negative amount zooms in."""
        actions = ActionBuilder(self.chrome, duration=0)
        actions.wheel_action.scroll(*place, 0, amount)
        actions.perform()
        return self.settled()

    def chord(self, modifier, key):
        """Press a key while another is held."""
        ActionChains(self.chrome, duration=0).key_down(modifier).send_keys(key).key_up(modifier).perform()
        return self.settled()

    def keys(self, *keys):
        """Press keys at the current focus."""
        ActionChains(self.chrome, duration=0).send_keys(*keys).perform()
        return self.settled()

    def reading(self):
        """Displayed values of a cell, by name."""
        names, texts = ([one.text for one in self.all(f"#reading {tag}")] for tag in ("dt", "dd"))
        return dict(zip(names, texts, strict=True))

    def kelvin(self):
        """Displayed temperature of a page in kelvin."""
        return float(re.fullmatch(r"([\d.]+) K", self.reading()["Temperature"])[1])

    def colours(self, column, row, side=1):
        """Colours of the canvas from the centre of a cell, shape (side * side, 4); for a device pixel ratio of 1."""
        (x, y), box = self.place(column, row), self.box()
        flat = self.run(
            "const [x, y, side] = arguments, copy = new OffscreenCanvas(side, side).getContext('2d');"
            "copy.drawImage(document.getElementById('map'), -x, -y);"
            "return [...copy.getImageData(0, 0, side, side).data]",
            int(x - box["x"]), int(y - box["y"]), side,
        )  # fmt: skip
        return [flat[start : start + 4] for start in range(0, len(flat), 4)]

    def choose(self, layer):
        self.of(f"#layers [value={layer}]").click()
        return self.settled()

    def requests(self):
        """Addresses requested since the page was opened, except the page."""
        asked = []
        for entry in self.chrome.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated"):
                asked.append(message["params"].get("request", message["params"])["url"])
        return [url for url in asked if url != self.chrome.current_url]

    def complaints(self):
        """Messages in the console."""
        return [entry["message"] for entry in self.chrome.get_log("browser")]
