"""Runs a program of minikerberos: client.py getTGT|getTGS ARGUMENTS

What it sends and how it makes its keys is left as it is. Two of the libraries below it are helped along:

- oscrypto, which signs, takes OpenSSL's version number for three parts of one digit each and so knows none from 3.0.10 on.
  While it is loaded, that pattern finds longer numbers, too.
- asn1crypto reads all of a KDC's certificate and stumbles over the name that RFC 4556 (3.2.4) puts there, id-pkinit-san. It
  is told what that name is made of, in minikerberos' own words.
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

from asn1crypto.x509 import AnotherName  # noqa: E402
from minikerberos.protocol.rfc4556 import KRB5PrincipalName  # noqa: E402

AnotherName._oid_pair = ("type_id", "value")
AnotherName._oid_specs = {"1.3.6.1.5.2.2": KRB5PrincipalName}

program = sys.argv.pop(1)
importlib.import_module("minikerberos.examples." + program).main()
