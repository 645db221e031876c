"""Prints a value of msDS-KeyCredentialLink for the RSA key of a certificate: key_credential.py CERTIFICATE HOLDER

Written from [MS-ADTS] 2.2.20 and from the layout of BCRYPT_RSAKEY_BLOB alone, so that what writes it is not what reads it.
"""

import hashlib
import struct
import sys
import time

from asn1crypto import pem, x509

VERSION = 0x200
KEY_ID, KEY_HASH, KEY_MATERIAL, KEY_USAGE, KEY_SOURCE = 1, 2, 3, 4, 5
CUSTOM_KEY_INFORMATION, LAST_LOGON, CREATION = 7, 8, 9
NGC, ACTIVE_DIRECTORY = 1, 0


def entry(identifier, value):
    return struct.pack("<HB", len(value), identifier) + value


def material(modulus, exponent):
    exponent = exponent.to_bytes((exponent.bit_length() + 7) // 8, "big")
    bits = modulus.bit_length()
    modulus = modulus.to_bytes((bits + 7) // 8, "big")
    header = struct.pack("<4sIIIII", b"RSA1", bits, len(exponent), len(modulus), 0, 0)
    return header + exponent + modulus


def blob(key, moment):
    filetime = struct.pack("<q", int((moment + 11_644_473_600) * 10_000_000))
    hashed = b"".join(
        [
            entry(KEY_MATERIAL, key),
            entry(KEY_USAGE, bytes([NGC])),
            entry(KEY_SOURCE, bytes([ACTIVE_DIRECTORY])),
            entry(CUSTOM_KEY_INFORMATION, bytes([1, 0])),
            entry(LAST_LOGON, filetime),
            entry(CREATION, filetime),
        ]
    )
    head = struct.pack("<I", VERSION) + entry(KEY_ID, hashlib.sha256(key).digest())
    return head + entry(KEY_HASH, hashlib.sha256(hashed).digest()) + hashed


certificate, holder = sys.argv[1:]
with open(certificate, "rb") as file:
    _, _, der = pem.unarmor(file.read())
public = x509.Certificate.load(der).public_key["public_key"].parsed.native
text = blob(material(public["modulus"], public["public_exponent"]), time.time()).hex().upper()
print(f"B:{len(text)}:{text}:{holder}")
