"""Opens a report in a headless browser over its DevTools protocol, uses it, and prints what it found as JSON.

page.py BROWSER PAGE FOLDER_FOR_SCREENSHOTS; the standard library alone.
"""

import base64
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path


class Connection:
    """A WebSocket (RFC 6455) to a page, and the calls and events of the protocol on it."""

    def __init__(self, url):
        host, port, path = re.fullmatch(r"ws://([^:/]+):(\d+)(/.*)", url).groups()
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self.rest = b""
        while b"\r\n\r\n" not in self.rest:
            self.rest += self.socket.recv(65536)
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        assert b" 101 " in head.splitlines()[0], head
        self.number, self.events = 0, []

    def bytes(self, count):
        while len(self.rest) < count:
            part = self.socket.recv(1 << 20)
            assert part, "the browser closed the connection"
            self.rest += part
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def receive(self):
        text = b""
        while True:
            first, second = self.bytes(2)
            length = second & 127
            if length == 126:
                (length,) = struct.unpack(">H", self.bytes(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", self.bytes(8))
            text += self.bytes(length)
            if first & 128:
                return json.loads(text)

    def call(self, method, **params):
        self.number += 1
        text = json.dumps({"id": self.number, "method": method, "params": params}).encode()
        length = len(text)
        head = bytes([129]) + (struct.pack(">B", 128 | length) if length < 126 else struct.pack(">BH", 254, length))
        mask = os.urandom(4)
        self.socket.sendall(head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(text)))
        while True:
            message = self.receive()
            if message.get("id") == self.number:
                assert "error" not in message, message
                return message["result"]
            self.events.append(message)

    def wait_for(self, method):
        while not any(event.get("method") == method for event in self.events):
            self.events.append(self.receive())

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")


CONTRAST = """(() => {
  const rgb = color => { const c = document.createElement("canvas").getContext("2d"); c.fillStyle = color; c.fillRect(0, 0, 1, 1); return [...c.getImageData(0, 0, 1, 1).data].slice(0, 3); };
  const light = color => rgb(color).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const paper = getComputedStyle(document.body).backgroundColor;
  const texts = [document.body, ...document.querySelectorAll(".soft, figcaption, dt")].map(it => getComputedStyle(it).color);
  return {paper, contrast: Math.min(...texts.map(color => ratio(light(color), light(paper))))};
})()"""
COLUMN = """(() => {
  const table = document.querySelectorAll("table")[%d];
  const at = [...table.tHead.rows[0].cells].findIndex(cell => cell.innerText.trim() === "%s");
  return [...table.tBodies[0].rows].map(row => row.cells[at].dataset.v);
})()"""
HEAD = """[...document.querySelectorAll("table")[%d].tHead.rows[0].cells].find(cell => cell.innerText.trim() === "%s")"""


def look(page, found, shots):
    for domain in ("Page", "Runtime", "Log", "Network"):
        page.call(f"{domain}.enable")
    page.call("Emulation.setDeviceMetricsOverride", width=1200, height=900, deviceScaleFactor=1, mobile=False)
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
    page.call("Page.navigate", url=sys.argv[2] if "://" in sys.argv[2] else Path(sys.argv[2]).resolve().as_uri())
    page.wait_for("Page.loadEventFired")

    # Pictures below the window load when they are needed; all of them are needed here.
    page.evaluate("Promise.all([...document.images].map(it => { it.loading = 'eager'; return it.decode().catch(() => 0); }))")
    found["images"] = page.evaluate("document.images.length")
    found["broken_images"] = page.evaluate("[...document.images].filter(it => it.naturalWidth === 0).length")
    found["hostile"] = page.evaluate("window.hostile")
    found["charts"] = page.evaluate("document.querySelectorAll('.charts figure').length")
    found["charts_with_marks"] = page.evaluate(
        "[...document.querySelectorAll('.charts figure')].filter(it => it.querySelector('.curve, .dot, .field')).length"
    )

    # The last table is that of the runs.
    table = page.evaluate("document.querySelectorAll('table').length") - 1
    column = "kl_nats"
    found["before"], found["sorted"] = page.evaluate(COLUMN % (table, column)), []
    for name in ("up", "down"):
        at = page.evaluate(
            f"(() => {{ const head = {HEAD % (table, column)}.querySelector('button'); head.scrollIntoView({{block: 'center', inline: 'center'}});"
            " const box = head.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            page.call("Input.dispatchMouseEvent", type=kind, x=at[0], y=at[1], button="left", clickCount=1)
        found[name] = page.evaluate(COLUMN % (table, column))
        found["sorted"].append(page.evaluate(f"{HEAD % (table, column)}.getAttribute('aria-sort')"))
    at = page.evaluate(
        f"(() => {{ const cell = document.querySelectorAll('table')[{table}].tBodies[0].rows[0].cells[0];"
        " cell.scrollIntoView({block: 'center', inline: 'center'}); const box = cell.getBoundingClientRect();"
        " return [box.x + 5, box.y + box.height / 2]; })()"
    )
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=at[0], y=at[1])
    found["lit"] = page.evaluate("document.querySelectorAll('.on').length")
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)

    for name, media, scheme, width in (
        ("light", "screen", "light", 1200),
        ("dark", "screen", "dark", 1200),
        ("print", "print", "dark", 800),
        ("phone", "screen", "light", 360),
    ):
        page.call("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])
        page.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=2, mobile=name == "phone")
        seen = page.evaluate(CONTRAST)
        found[f"{name}_paper"], found[f"{name}_contrast"] = seen["paper"], seen["contrast"]
        if name == "phone":
            found["phone_width"] = page.evaluate("document.documentElement.scrollWidth")
            found["phone_text"] = page.evaluate(
                "Math.min(...[...document.querySelectorAll('.charts > figure > svg')].map(it => it.getBoundingClientRect().width / 440 * parseFloat(getComputedStyle(it).fontSize)))"
            )
        shot = page.call("Page.captureScreenshot", captureBeyondViewport=True)
        Path(shots, f"{name}.png").write_bytes(base64.b64decode(shot["data"]))

    found["errors"] = [
        event
        for event in page.events
        if event["method"] == "Runtime.exceptionThrown"
        or (event["method"] == "Runtime.consoleAPICalled" and event["params"]["type"] in ("error", "warning", "assert"))
        or (event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] in ("error", "warning"))
    ]
    urls = [it["params"]["request"]["url"] for it in page.events if it["method"] == "Network.requestWillBeSent"]
    found["requests"] = [url[:200] for url in urls if not url.startswith(("file:", "data:"))]


def main():
    browser, _, shots = sys.argv[1:]
    profile = tempfile.mkdtemp()
    process = subprocess.Popen(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--no-first-run",
         f"--user-data-dir={profile}", "about:blank"],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )
    try:
        port = None
        for line in process.stderr:
            if match := re.search(r"DevTools listening on ws://[^:]+:(\d+)/", line):
                port = match.group(1)
                break
        assert port, "the browser did not start"
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{port}/json/list") as answer:
            pages = [it for it in json.load(answer) if it["type"] == "page"]
        found = {}
        look(Connection(pages[0]["webSocketDebuggerUrl"]), found, shots)
        print(json.dumps(found))
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(profile, ignore_errors=True)


main()
