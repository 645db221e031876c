"""Approves a device code as a person does in a browser: every page's form, filled in and sent.

    device_code.py ROOTS URL USER_CODE UPN PASSWORD ONE_TIME_CODE

Prints the titles of the pages. Ends with 1 where the last page is not that of a device that is signed in.
"""

import html
import re
import ssl
import sys
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

MOST_PAGES = 12


def form_of(page):
    found = re.search(r"<form([^>]*)>(.*?)</form>", page, re.S)
    if not found:
        return None
    attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', found.group(1)))
    fields = {}
    for control in re.findall(r"<(?:input|button)([^>]*)>", found.group(2)):
        named = dict(re.findall(r'([\w-]+)="([^"]*)"', control))
        if "name" in named and named["name"] not in fields:
            fields[named["name"]] = html.unescape(named.get("value", ""))
    return html.unescape(attributes.get("action", "")), fields


def main(roots, url, user_code, upn, password, one_time_code):
    answers = {
        "UserName": upn,
        "Password": password,
        "VerificationCode": one_time_code,
        "otc": user_code,
        "Decision": "approve",
    }
    context = ssl.create_default_context(cafile=roots)
    browser = urllib.request.build_opener(
        urllib.request.HTTPCookieProcessor(CookieJar()),
        urllib.request.HTTPSHandler(context=context),
    )
    answer = browser.open(url)
    for _ in range(MOST_PAGES):
        page = answer.read().decode()
        title = re.search(r"<title>(.*?)</title>", page, re.S)
        title = html.unescape(title.group(1)) if title else ""
        print(title)
        form = form_of(page)
        if form is None:
            return 0 if title.startswith("Signed in") else 1
        action, fields = form
        fields.update({name: answers[name] for name in fields if name in answers})
        body = urllib.parse.urlencode(fields).encode()
        target = urllib.parse.urljoin(answer.url, action)
        parts = urllib.parse.urlsplit(target)
        origin = {"Origin": f"{parts.scheme}://{parts.netloc}"}
        answer = browser.open(urllib.request.Request(target, body, origin))
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
