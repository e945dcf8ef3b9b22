"""Shared by the Python scripts: runs calls, reads back what they logged, and prints one line per call."""

import asyncio
import inspect
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

URL = os.environ["PROMPTLAYER_BASE_URL"]
KEY = os.environ["PROMPTLAYER_API_KEY"]
ANSWER = "Four, as every toaster knows."

failed = []
count = 0


def call(name, function):
    """Runs one call, prints its result, and returns its value or None."""
    global count
    count += 1
    try:
        value = function()
        if inspect.isawaitable(value):
            value = asyncio.run(value)
    except Exception as error:
        failed.append(name)
        print(f"FAILED {name}: {type(error).__name__}: {error}", flush=True)
        return None
    print(f"ok     {name}", flush=True)
    return value


def finish(what):
    print(f"{what}: {count - len(failed)} of {count} calls work", flush=True)
    sys.exit(1 if failed else 0)


def get(path):
    request = urllib.request.Request(URL + path, headers={"X-API-KEY": KEY})
    with urllib.request.urlopen(request) as response:
        return json.load(response)


def page(path):
    request = urllib.request.Request(URL + path, headers={"X-API-KEY": KEY, "Accept": "text/html"})
    with urllib.request.urlopen(request) as response:
        return response.read().decode()


def expect(holds, what):
    if not holds:
        raise AssertionError(what)


def equal(found, expected, what=""):
    expect(found == expected, f"{what}: expected {expected!r}, found {found!r}")


def logged(request_id, said=None, answer=ANSWER, **fields):
    """Checks a request log through the API and on its page. Returns it."""
    expect(isinstance(request_id, int), f"no request id, but {request_id!r}")
    log = get(f"/api/public/v2/requests/{request_id}")
    for name, value in fields.items():
        equal(log[name], value, name)
    html = page(f"/requests/{request_id}")
    for place, text in [("input", said), ("output", answer)]:
        if text:
            expect(text in json.dumps(log[place]), f"{text!r} is not in the {place}: {log[place]}")
            expect(text.split(",")[0] in html, f"{text!r} is not on the page")
    return log


def newest():
    """Returns the id of the request that was logged last."""
    known = 0
    while True:
        try:
            get(f"/api/public/v2/requests/{known + 1}")
            known += 1
        except urllib.error.HTTPError:
            return known
