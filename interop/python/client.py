"""Runs a program of minikerberos: client.py getTGT|getTGS ARGUMENTS

minikerberos signs with oscrypto, whose last release takes OpenSSL's version number for three parts of one digit each and
so knows none from 3.0.10 on. While oscrypto is loaded, that pattern finds longer numbers, too. Nothing else is changed.
"""

import importlib
import re
import sys

SHORT = "\\b(\\d\\.\\d\\.\\d[a-z]*)\\b"
LONG = "\\b(\\d+\\.\\d+\\.\\d+[a-z]*)\\b"

search = re.search
re.search = lambda pattern, *rest: search(LONG if pattern == SHORT else pattern, *rest)
import oscrypto.asymmetric  # noqa: E402

re.search = search

program = sys.argv.pop(1)
importlib.import_module("minikerberos.examples." + program).main()
