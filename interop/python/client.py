"""Runs a program of minikerberos: client.py getTGT|getTGS ARGUMENTS

What it sends is left as it is. Two of the libraries below it are helped along:

- oscrypto, which signs, takes OpenSSL's version number for three parts of one digit each and so knows none from 3.0.10 on.
  While it is loaded, that pattern finds longer numbers, too.
- asn1crypto reads all of a KDC's certificate and stumbles over the name that RFC 4556 (3.2.4) puts there, id-pkinit-san. It
  is told what that name is made of, in minikerberos' own words.

And once in a hundred sign-ins it would take the KDC's good answer for a bad one, which says nothing about the KDC:

- It drops the zero bytes with which a shared secret may begin. RFC 4556 (3.2.3.1) keeps them.
- It reads the KDC's public value from the eighth byte of its BIT STRING, which is right unless the value is a short one.
"""

import importlib
import re
import sys
import types

SHORT = "\\b(\\d\\.\\d\\.\\d[a-z]*)\\b"
LONG = "\\b(\\d+\\.\\d+\\.\\d+[a-z]*)\\b"

search = re.search
re.search = lambda pattern, *rest: search(LONG if pattern == SHORT else pattern, *rest)
import oscrypto.asymmetric  # noqa: E402

re.search = search

from asn1crypto import core  # noqa: E402
from asn1crypto.x509 import AnotherName  # noqa: E402
from minikerberos import aioclient  # noqa: E402
from minikerberos.protocol.dirtydh import DirtyDH  # noqa: E402
from minikerberos.protocol.rfc4556 import KRB5PrincipalName  # noqa: E402

AnotherName._oid_pair = ("type_id", "value")
AnotherName._oid_specs = {"1.3.6.1.5.2.2": KRB5PrincipalName}



def exchange(own, public):
    length = (own.p.bit_length() + 7) // 8
    return pow(public, own.private_key_int, own.p).to_bytes(length, "big")


class PublicValue:
    """Stands where minikerberos has a BIT STRING, of which it wants the bytes and skips the first seven."""

    def __init__(self, bits):
        whole = int("".join(map(str, bits)), 2).to_bytes(len(bits) // 8, "big")
        value = core.Integer.load(whole).native
        self.bytes = bytes(7) + value.to_bytes((value.bit_length() + 7) // 8, "big")

    def dump(self):
        return self.bytes


DirtyDH.exchange = exchange
aioclient.core = types.SimpleNamespace(BitString=PublicValue)

program = sys.argv.pop(1)
importlib.import_module("minikerberos.examples." + program).main()
