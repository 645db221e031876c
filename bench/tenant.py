#!/usr/bin/env python3
"""Measures a tenant's answers, without sockets and over them, and prints the medians as tables. See tenant.sh."""

import re
import subprocess
import sys

from tables import median, medians, output_of, parser, ratio, shown, table, tell

# What src/bin/tenant.rs calls a case, and what it is.
ALONE = {
    "client": "client credentials, ES256",
    "nonce": "nonce",
    "hello": "Hello key to primary refresh token, P-256 and ES256",
    "hello-rsa": "Hello key to primary refresh token, RSA-2048 and RS256",
    "renew": "renewal of a primary refresh token, ES256",
}
FORM = (
    "grant_type=client_credentials&client_id=22222222-aaaa-4bbb-8ccc-000000000002"
    "&client_secret=a-secret-of-an-application-that-was-drawn-here&scope=urn%3Abench%3Awiki%2F.default"
)
TOKENS = "client credentials, ES256, 4 connections"
HELLO = "Hello key to primary refresh token (nonce and assertion), P-256, 4 connections"


def alone(program, rounds, only):
    """{case: [(us, floor us)]} without sockets and disk."""
    measured = {case: [] for case, label in ALONE.items() if only in label}
    for number in range(rounds):
        for case, found in measured.items():
            line = subprocess.run([program, case], capture_output=True, text=True, check=True).stdout
            us, floor = re.search(r"([\d.]+) us, floor +([\d.]+) us", line).groups()
            print(f"round {number + 1}: {line.strip()}", file=sys.stderr)
            found.append((float(us), float(floor)))
    return measured


def asked(load, host, server, arguments):
    address, pid, roots = server
    return output_of([load, "--server", address, "--host", host, "--ca", roots, "--pid", pid, "--wait", "60", *arguments])


def over_sockets(given):
    """[{label: {server: what tokenload says}}], a row for each round, and the memory before the first question."""
    path = f"/{given.tenant}/oauth2"
    keys = ["--jwks", f"/{given.tenant}/discovery/v2.0/keys"]
    token = ["--form", FORM, "--count", "20000"]
    ours = {
        TOKENS: [*keys, "--path", f"{path}/v2.0/token", *token],
        HELLO: [*keys, "--path", f"{path}/token", "--mode", "hello", "--devices", given.devices, "--count", "10000"],
    }
    floors = {TOKENS: ["--path", "/", *token]}
    idle = asked(given.load, given.host, given.keyporch, [*keys, "--count", "0"])
    rows = []
    for number in range(given.rounds):
        row = {}
        for label in (label for label in ours if given.only in label):
            row[label] = {"keyporch": asked(given.load, given.host, given.keyporch, ours[label])}
            if label in floors:
                row[label]["floor"] = asked(given.load, given.host, given.floor, floors[label])
            for name, said in row[label].items():
                print(f"round {number + 1}: {label}: {name}: {said}", file=sys.stderr)
        rows.append(row)
    return rows, idle["pss_kib"]


def alone_table(measured):
    head = ["without sockets and disk", "Keyporch, µs", "its cryptography alone, µs", "ratio"]
    lines = []
    for case, found in measured.items():
        us, floor = median([us for us, _ in found]), median([floor for _, floor in found])
        times = median([ratio(us, floor) for us, floor in found]) if floor else None
        lines.append([ALONE[case], shown(us), shown(floor), shown(times, 2)])
    return table(head, lines)


def over_tls_table(rows):
    head = ["over TLS", "Keyporch, µs of CPU", "floor server, µs", "ratio", "Keyporch, per second", "p99, ms", "wrong"]
    lines = []
    for label in rows[0]:
        ours = [row[label]["keyporch"] for row in rows]
        floors = [row[label].get("floor", {}).get("cpu_us") for row in rows]
        times = [ratio(said["cpu_us"], floor) for said, floor in zip(ours, floors)]
        lines.append(
            [
                label,
                shown(median([said["cpu_us"] for said in ours])),
                shown(median(floors)),
                shown(median(times), 2),
                shown(median([said["per_second"] for said in ours])),
                shown(median([said["p99_us"] / 1e3 for said in ours]), 1),
                sum(said["wrong"] for said in ours),
            ]
        )
    return table(head, lines)


def main():
    arguments = parser(__doc__)
    for name in ("alone", "load", "host", "tenant", "devices"):
        arguments.add_argument(f"--{name}", required=True)
    for name in ("keyporch", "floor"):
        arguments.add_argument(f"--{name}", required=True, nargs=3, metavar=("ADDRESS", "PID", "ROOTS"))
    given = arguments.parse_args()
    measured = alone(given.alone, given.rounds, given.only)
    rows, idle = over_sockets(given)
    most = max((said["keyporch"]["pss_kib"] for row in rows for said in row.values()), default=idle)
    devices = sum(1 for _ in open(given.devices))
    text = (
        f"{medians(given.rounds)}\n\n{alone_table(measured)}\n\n{over_tls_table(rows)}\n\n"
        f"Memory of the server with {devices:,} devices, as many people and {2 * devices:,} Hello keys (PSS): {idle / 1024:.0f} MiB after its start, "
        f"{most / 1024:.0f} MiB at most."
    )
    tell(text, given.document, "the tenant's table")


if __name__ == "__main__":
    main()
