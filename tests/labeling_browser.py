"""A person who labels: opens tasks of Label Studio in Chromium, and corrects them with mouse and keyboard.

It runs in the environment of the server, which holds playwright, as ``python -I labeling_browser.py < orders.json``.
"""

import json
import sys

_LAUNCH = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
_PLOT, _OVERVIEW = ".htx-timeseries-channel .new_brush .overlay", ".htx-timeseries-overview"
_PATIENCE = 60_000  # milliseconds; a busy machine is slow


class Person:
    """Somebody at a task. Regions are counted in the order of the list beside the signals."""

    def __init__(self, page):
        self.page = page

    def expect(self, **data):
        """Check which task is shown, by its data."""
        shown = self.page.evaluate("names => names.map(name => window.Htx.task.dataObj[name])", list(data))
        if shown != list(data.values()):
            raise AssertionError(f"the browser shows {dict(zip(data, shown, strict=True))}, not {data}")

    def relabel(self, region, hotkey):
        """Give a region the label of a hotkey."""
        self._select(region)
        self.page.keyboard.press(hotkey)

    def delete(self, region):
        """Remove a region."""
        self._select(region)
        left = self._count() - 1
        self.page.keyboard.press("Backspace")
        self._await_count(left)

    def draw(self, hotkey, start, end):
        """Draw a region with the label of a hotkey from one value of the time axis to another."""
        drawn = self._count() + 1
        self.page.keyboard.press(hotkey)
        self._await_labels(1)
        self._drag(self._find(start), self._find(end))
        self._await_count(drawn)
        self.page.keyboard.press("Escape")
        self._await_labels(0)

    def move(self, region, side, value):
        """Drag the start or the end of a region to a value of the time axis."""
        self._select(region)
        brush = self.page.locator(".htx-timeseries-channel").first.locator(".brush").nth(region)
        box = brush.locator(f".handle--{'w' if side == 'start' else 'e'}").bounding_box()
        self._drag((box["x"] + box["width"] / 2, box["y"] + box["height"] / 2), self._find(value))
        self.page.keyboard.press("Escape")

    def show(self, start=None, end=None):
        """Show a part of the time axis; without values all of it."""
        overview, times = self.page.locator(_OVERVIEW), self._get_times()
        whole = overview.locator(".overlay").bounding_box()

        def find(value):
            return whole["x"] + (value - times[0]) / (times[-1] - times[0]) * whole["width"]

        beyond = whole["x"] + whole["width"] + 20
        left = whole["x"] - 20 if start is None else find(start)
        right = beyond if end is None else find(end)
        for side, x in (("e", beyond), ("w", left), ("e", right)):  # at last the end, so that they don't cross
            box = overview.locator(f".handle--{side}").bounding_box()
            y = box["y"] + box["height"] / 2
            self._drag((box["x"] + box["width"] / 2, y), (x, y))
        self.page.wait_for_timeout(1000)  # the plot follows the overview with a delay

    def photograph(self, path):
        """Save what the browser shows."""
        self.page.screenshot(path=path)

    def submit(self):
        """Submit the annotation."""
        self._leave("Submit current annotation")

    def skip(self):
        """Skip the task."""
        self._leave("skip-task")

    def postpone(self):
        """Go to the next task; what was changed stays a draft."""
        self._leave("Postpone task")

    def wait(self):
        """Wait for the signals of a task."""
        self.page.wait_for_selector(_PLOT, timeout=_PATIENCE, state="attached")

    def _leave(self, button):
        task = self._get_task()
        self.page.get_by_label(button, exact=True).click()
        self.page.wait_for_function("task => window.Htx?.task?.id !== task || Htx.noTask", arg=task, timeout=_PATIENCE)

    def _get_task(self):
        return self.page.evaluate("window.Htx.task.id")

    def _select(self, region):
        self.page.keyboard.press("Escape")
        self.page.locator(".lsf-outliner-item__title").nth(region).click()

    def _count(self):
        return self.page.evaluate("Htx.annotationStore.selected.regionStore.regions.length")

    def _await_count(self, n):
        """Wait until the list shows as many regions as there are."""
        self.page.wait_for_function("n => Htx.annotationStore.selected.regionStore.regions.length === n", arg=n)
        rows = self.page.locator(".lsf-outliner-item__title")
        rows.nth(n - 1).wait_for() if n else rows.first.wait_for(state="detached")

    def _await_labels(self, n):
        """Wait until so many labels are selected: a mouse that is faster than a hotkey draws nothing."""
        self.page.wait_for_function(
            "n => Htx.annotationStore.selected.names.get('label').selectedLabels.length === n", arg=n
        )

    def _get_times(self):
        return self.page.evaluate("window.Htx.task.dataObj.ts.time")

    def _find(self, value):
        """Return the place of a value of the time axis on the plot."""
        first, last = self.page.evaluate("Htx.annotationStore.selected.names.get('ts').brushRange")
        box = self.page.locator(_PLOT).first.bounding_box()
        x = box["x"] + (value - first) / (last - first) * box["width"]
        return round(x), box["y"] + box["height"] / 2  # a mouse is at a whole pixel

    def _drag(self, begin, end):
        mouse = self.page.mouse
        mouse.move(*begin)
        mouse.down()
        mouse.move((begin[0] + end[0]) / 2, (begin[1] + end[1]) / 2)
        mouse.move(*end)
        mouse.up()


def _label(page, orders):
    """Log in and correct the tasks of a project in the order in which Label Studio presents them."""
    page.goto(f"{orders['address']}/user/login/")
    page.fill("input[name=email]", orders["user"])
    page.fill("input[name=password]", orders["password"])
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "login" not in url, wait_until="domcontentloaded")
    page.goto(f"{orders['address']}/projects/{orders['project']}/data")
    page.get_by_role("button", name="Label All Tasks").click()  # the address of the stream alone ignores its sampling
    person = Person(page)
    for steps in orders["tasks"]:
        person.wait()
        for name, *arguments in steps:
            if arguments and isinstance(arguments[0], dict):
                getattr(person, name)(**arguments[0])
            else:
                getattr(person, name)(*arguments)


def _run(orders):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=orders["chromium"], args=_LAUNCH.split())
        width, height = orders["window"]
        context = browser.new_context(viewport={"width": width, "height": height})
        context.set_default_timeout(_PATIENCE)
        # fonts and statistics of other hosts are no part of the test, and may be out of reach
        context.route(lambda url: not url.startswith(orders["address"]), lambda route: route.abort())
        page, errors = context.new_page(), []
        page.on("pageerror", lambda error: errors.append(str(error)))
        try:
            _label(page, orders)
        except Exception as error:
            error.add_note(f"The page says {page.inner_text('body')[:2000]!r}, and raised {errors}.")
            raise
        finally:
            browser.close()


if __name__ == "__main__":
    _run(json.load(sys.stdin))
