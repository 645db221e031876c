"""A browser that knows how to fill a form, and nothing else: it plays the person whom a service sends to sign in.

As a program it reads `url`, `redirect_uri` and `answers` as JSON, and prints the address at which it arrives at the service.
"""

import json
import re
import sys
from html import unescape
from urllib.parse import urljoin

import requests


def fill(page, answers):
    """The first form of a page that can be filled: where it goes, and what with."""
    for form in re.findall(r"<form\b.*?</form>", page, re.S):
        fields = {}
        for tag in re.findall(r"<input\b[^>]*>", form):
            attributes = {name: unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', tag)}
            name = attributes.get("name")
            if name in answers:
                fields[name] = answers[name]
            elif name and "value" in attributes:
                fields[name] = attributes["value"]
            elif name:
                break
        else:
            buttons = [dict(re.findall(r'([\w-]+)="([^"]*)"', tag)) for tag in re.findall(r"<button\b[^>]*>", form)]
            for button in buttons:
                # Of several answers, the one that goes on.
                if "name" in button and (len(buttons) == 1 or button.get("value") == "accept"):
                    fields[button["name"]] = button.get("value", "")
            action = re.search(r'<form\b[^>]*\baction="([^"]*)"', form)
            return unescape(action.group(1)) if action else "", fields
    raise SystemExit("a page without a form that can be filled: " + page)


def sign_in(url, redirect_uri, answers):
    """A browser in which somebody signs in: the address at which it arrives at the service."""
    browser = requests.Session()
    answer = browser.get(url, allow_redirects=False)
    for _ in range(8):
        if answer.is_redirect:
            to = urljoin(answer.url, answer.headers["Location"])
            if to.startswith(redirect_uri):
                return to
            answer = browser.get(to, allow_redirects=False)
            continue
        action, fields = fill(answer.text, answers)
        answer = browser.post(urljoin(answer.url, action), data=fields, allow_redirects=False)
    raise SystemExit("the sign-in comes to no end")


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    print(sign_in(asked["url"], asked["redirect_uri"], asked["answers"]))
