#!/usr/bin/env python3
"""Signs in to a page with a real browser, for the step `exec` of a login of bongsu.

Reads one JSON object from standard input, which says what to do, and writes one to standard output:
{"captures": {...}} when the page shows what only a logged-in user sees, else {"reason": ..., "detail": ...}.
README.md beside this file describes the keys. Needs Playwright (PyPI) and a Chromium.
"""

import json
import sys
import time

from playwright.sync_api import Error, TimeoutError as OutOfTime, sync_playwright

# What Chromium calls a failure of the network, and its reason. Others are exec_failed.
NETWORK = {
    "ERR_NAME_NOT_RESOLVED": "dns_nxdomain",
    "ERR_CONNECTION_REFUSED": "connect_refused",
    "ERR_CONNECTION_TIMED_OUT": "connect_timeout",
    "ERR_ADDRESS_UNREACHABLE": "connect_unreachable",
    "ERR_CONNECTION_RESET": "connection_reset",
    "ERR_CONNECTION_CLOSED": "connection_reset",
    "ERR_EMPTY_RESPONSE": "connection_reset",
    "ERR_CERT_DATE_INVALID": "tls_expired",
    "ERR_CERT_COMMON_NAME_INVALID": "tls_name_mismatch",
    "ERR_CERT_AUTHORITY_INVALID": "tls_unknown_issuer",
    "ERR_CERT_REVOKED": "tls_revoked",
    "ERR_SSL_PROTOCOL_ERROR": "tls_handshake",
    "ERR_TOO_MANY_REDIRECTS": "redirect_limit",
}

KEYS = {"url", "browser", "arguments", "steps", "success", "failures", "captures", "timeout"}


class Failed(Exception):
    """The page or the network is not as it should be."""

    def __init__(self, reason, detail):
        super().__init__(detail)
        self.reason = reason


class Clock:
    """What is left of the time, in milliseconds, as Playwright counts."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds

    def left(self):
        # Zero would be for ever.
        return max(1.0, (self.end - time.monotonic()) * 1000)


def load(page, url, clock):
    try:
        answer = page.goto(url, wait_until="domcontentloaded", timeout=clock.left())
    except OutOfTime:
        raise Failed("response_timeout", "the page did not come") from None
    except Error as error:
        for word, reason in NETWORK.items():
            if word in error.message:
                raise Failed(reason, f"net::{word}") from None
        raise
    if answer is not None and answer.status >= 400:
        raise Failed("http_status", f"the page answered {answer.status}")


def do(page, step, clock):
    """One of fill, press, click and wait."""
    (action, selector), = [(key, step[key]) for key in step if key != "value"]
    place = page.locator(selector).first
    try:
        if action == "fill":
            place.fill(step["value"], timeout=clock.left())
        elif action == "press":
            # Key by key, for pages that listen to keys.
            place.press_sequentially(step["value"], timeout=clock.left())
        elif action == "click":
            place.click(timeout=clock.left())
        elif action == "wait":
            place.wait_for(timeout=clock.left())
        else:
            raise ValueError(f"no action is called {action}")
    except OutOfTime:
        raise Failed("form_missing", f"{action} {selector}: not there, or not ready") from None


def judge(page, task, clock):
    """Waits for what shows the end, whichever comes first."""
    success = page.locator(task["success"])
    failures = [(page.locator(rule["selector"]), rule) for rule in task.get("failures", [])]
    either = success
    for place, _ in failures:
        either = either.or_(place)
    try:
        either.first.wait_for(timeout=clock.left())
    except OutOfTime:
        raise Failed("not_logged_in", f"nothing showed {task['success']}") from None
    for place, rule in failures:
        if place.first.is_visible():
            raise Failed(rule["reason"], f"the page shows {rule['selector']}")


def capture(page, rule):
    """{"cookie": NAME}, {"storage": NAME}, {"text": SELECTOR}"""
    (kind, name), = rule.items()
    if kind == "cookie":
        found = [cookie["value"] for cookie in page.context.cookies() if cookie["name"] == name]
        value = found[0] if found else None
    elif kind == "storage":
        read = "name => localStorage.getItem(name) ?? sessionStorage.getItem(name)"
        value = page.evaluate(read, name)
    elif kind == "text":
        place = page.locator(name)
        value = place.first.inner_text() if place.count() else None
    else:
        raise ValueError(f"no capture is called {kind}")
    if value is None:
        raise Failed("capture_missing", f"no {kind} {name}")
    return value


def run(task):
    unknown = set(task) - KEYS
    if unknown:
        raise ValueError(f"unknown keys: {', '.join(sorted(unknown))}")
    clock = Clock(task["timeout"])
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=task.get("browser", "/usr/bin/chromium"),
            args=task.get("arguments", []),
            # Chromium's own; a container that forbids it has to name --no-sandbox among the arguments.
            chromium_sandbox=True,
            timeout=clock.left(),
        )
        try:
            page = browser.new_page()
            load(page, task["url"], clock)
            for step in task["steps"]:
                do(page, step, clock)
            judge(page, task, clock)
            rules = task.get("captures", {})
            return {"captures": {name: capture(page, rule) for name, rule in rules.items()}}
        except Failed as failed:
            return {"reason": failed.reason, "detail": str(failed)}
        finally:
            browser.close()


if __name__ == "__main__":
    json.dump(run(json.load(sys.stdin)), sys.stdout)
