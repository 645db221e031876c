#!/usr/bin/env python3
"""Cuts the files of vectors/ out of a checkout of github.com/C2SP/wycheproof.

    crates/crypto/tests/wycheproof/cut.py CHECKOUT

What is left out: groups of algorithms and key lengths that have no door here, encodings of a key beside the one that
is read, and who made a vector. Nothing that is kept is changed, but for the spaces between.
"""
import json
import subprocess
import sys
from pathlib import Path

SIZES = ["keySize", "ivSize", "tagSize", "sha", "mgf", "mgfSha", "sLen", "type"]


def every(_):
    return True


def oaep(group):
    """Of the odd mixtures: SHA-1 with each key, and at 2048 bits what only differs in a digest."""
    digests = group["sha"], group["mgfSha"]
    one = {"SHA-1", "SHA-256"}
    return digests == ("SHA-1", "SHA-1") or (group["keySize"] == 2048 and set(digests) <= one)


# The file, which of its groups, which encoding of the key.
FILES = {
    "json_web_signature": (every, ["comment", "private", "public"]),
    "json_web_encryption": (every, ["comment", "private"]),
    "json_web_key": (every, ["comment", "private", "public"]),
    "ecdsa_secp256r1_sha256_p1363": (every, ["publicKeyJwk", "publicKeyDer"]),
    "ecdsa_secp384r1_sha384_p1363": (every, ["publicKeyJwk", "publicKeyDer"]),
    "ecdsa_secp256r1_sha256": (every, ["publicKeyDer"]),
    "ecdsa_secp256r1_sha512": (every, ["publicKeyDer"]),
    "ecdsa_secp384r1_sha256": (every, ["publicKeyDer"]),
    "ecdsa_secp384r1_sha384": (every, ["publicKeyDer"]),
    "ecdsa_secp384r1_sha512": (every, ["publicKeyDer"]),
    "rsa_signature_2048_sha256": (every, ["publicKeyDer"]),
    "rsa_signature_2048_sha384": (every, ["publicKeyDer"]),
    "rsa_signature_2048_sha512": (every, ["publicKeyDer"]),
    "rsa_signature_3072_sha256": (every, ["publicKeyDer"]),
    "rsa_pss_2048_sha256_mgf1_32": (every, ["publicKeyDer"]),
    "rsa_pss_2048_sha256_mgf1sha1_20": (every, ["publicKeyDer"]),
    "rsa_oaep_2048_sha1_mgf1sha1": (every, ["privateKeyPkcs8"]),
    "rsa_oaep_misc": (oaep, ["privateKeyPkcs8"]),
    "rsa_three_primes_oaep_2048_sha1_mgf1sha1": (every, ["privateKeyPkcs8"]),
    "hmac_sha256": (every, []),
    "hkdf_sha256": (every, []),
    "aes_gcm": (lambda group: group["keySize"] == 256 and group["ivSize"] == 96, []),
    "aes_cbc_pkcs5": (lambda group: group["keySize"] == 256, []),
}


def main():
    checkout = sys.argv[1]
    commit = subprocess.run(
        ["git", "-C", checkout, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    for name, (wanted, keys) in FILES.items():
        path = f"testvectors_v1/{name}_test.json"
        whole = json.loads(subprocess.run(["git", "-C", checkout, "show", f"HEAD:{path}"], check=True, capture_output=True).stdout)
        groups = []
        for group in filter(wanted, whole["testGroups"]):
            kept = {key: group[key] for key in SIZES + keys if key in group}
            groups.append(kept | {"tests": group["tests"]})
        cut = {
            "notice": f"Cut from {path} of github.com/C2SP/wycheproof at {commit}, Apache-2.0: see README.md here.",
            "notes": whole["notes"],
            "numberOfTests": sum(len(group["tests"]) for group in groups),
            "testGroups": groups,
        }
        text = json.dumps(cut, separators=(",", ":"), ensure_ascii=True)
        # A case a line, so that a change of one is seen.
        text = text.replace('{"tcId":', '\n{"tcId":')
        (Path(__file__).parent / "vectors" / f"{name}.json").write_text(text + "\n")


main()
