"""Somebody who opens the example page in Chromium, drops files onto it, and reads what it shows.

It runs in an environment that holds playwright, as ``python -I page_visitor.py < orders.json``, and prints JSON.
"""

import json
import sys
from pathlib import Path

_LAUNCH = "--no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update"
_DROP = """([text, bytes, name]) => {
    const data = new DataTransfer();
    data.items.add(new File([bytes ? Uint8Array.from(atob(bytes), c => c.charCodeAt(0)) : text], name));
    document.getElementById("drop").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
}"""
_DONE = """() => {
    const status = document.getElementById("status");
    return status.className === "error" || status.textContent.endsWith(" s.");
}"""
_DECODE = """async cases => {
    const { decode, normalize } = await import("./segmenter.js");
    return cases.map(one => "told" in one
        ? [...decode(one.told, one.proba.map(row => Float32Array.from(row)))]
        : [...normalize(Float64Array.from(one.signal), 0, one.normalization)]);
}"""
_PATIENCE = 60_000  # milliseconds; a busy machine is slow


def _drop(page, order):
    """Drop a file onto the page and return what it says, with the tables and the download of a success."""
    name = order.get("name") or Path(order["path"]).name
    page.evaluate("Object.assign(document.getElementById('status'), { textContent: '', className: '' })")
    page.evaluate(_DROP, [order.get("text"), order.get("bytes"), name])
    if name.endswith(".onnx"):
        page.wait_for_function("name => document.getElementById('model').textContent.startsWith(name)", arg=name)
        return {"model": page.inner_text("#model")}
    page.wait_for_function(_DONE)
    found = {"status": page.inner_text("#status"), "failed": page.get_attribute("#status", "class") == "error"}
    if not found["failed"]:
        with page.expect_download() as download:
            page.click("#download")
        found["csv"] = Path(download.value.path()).read_text()
        found["counts"] = page.locator("#counts tbody tr").all_inner_texts()
        found["rows"] = page.locator("#segments tbody tr").count()
        found["drawn"] = page.evaluate(
            "() => { const c = document.getElementById('plot');"
            " return new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size; }"
        )
    if order.get("picture"):
        page.screenshot(path=order["picture"])
    return found


def _run(orders):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=orders["chromium"], args=_LAUNCH.split())
        context = browser.new_context(viewport={"width": 1000, "height": 760}, accept_downloads=True)
        context.set_default_timeout(_PATIENCE)
        asked, errors = [], []
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        try:
            page.goto(orders["address"])
            page.wait_for_function("() => !document.getElementById('model').textContent.startsWith('Loading')")
            found = {"model": page.inner_text("#model"), "files": [_drop(page, order) for order in orders["files"]]}
            found["decoded"] = page.evaluate(_DECODE, orders["cases"])
        except Exception as error:
            error.add_note(f"The page says {page.inner_text('body')[:2000]!r}, and raised {errors}.")
            raise
        finally:
            browser.close()
    strangers = [url for url in asked if not url.startswith((orders["address"], "blob:"))]
    json.dump({**found, "errors": errors, "strangers": strangers}, sys.stdout)


if __name__ == "__main__":
    _run(json.load(sys.stdin))
