#!/usr/bin/env python3
"""Measures LDAP servers in turns over rounds, and prints the medians as a table.

Ratios are formed within a round. Server CPU per good answer is the figure to compare; rates and latencies of a moment say more
about the machine.
"""

import sys

from tables import median, medians, output_of, parser, ratio, shown, table, tell

ATTRIBUTES = ["cn", "displayName", "mail", "uidNumber", "gidNumber", "loginShell"]
STYLES = {
    "keyporch": (["--style", "ad", "--by", "sAMAccountName"], "unixHomeDirectory"),
    "slapd": (["--style", "rfc2307", "--by", "uid"], "homeDirectory"),
}


def cases(people, adds):
    """The label, the arguments, and how many of them a round has."""
    searches = str(20000)
    return {
        "indexed search, 4 connections": ["--mode", "search", "--count", searches, "--people", str(people)],
        "indexed search, 32 connections": ["--mode", "search", "--count", searches, "--people", str(people), "--connections", "32"],
        "walk in pages of 1,000, per entry": ["--mode", "walk", "--page", "1000", "--connections", "1"],
        "durable add, 1 connection": ["--mode", "add", "--count", str(max(adds // 10, 1)), "--connections", "1"],
        "durable add, 16 connections": ["--mode", "add", "--count", str(adds), "--connections", "16"],
    }


def read_servers(path):
    servers = {}
    for line in open(path):
        name, address, pid, bind, password, base = line.rstrip("\n").split("\t")
        pids = [part for one in pid.split(",") for part in ("--pid", one)]
        servers[name] = (pids, ["--server", address, "--bind", bind, "--password", password, "--base", base])
    return servers


def measure(load, servers, chosen, rounds):
    measured = []
    for number in range(rounds):
        row = {}
        for label, arguments in chosen.items():
            row[label] = {}
            for name, (pids, server) in servers.items():
                style, home = STYLES[name]
                new = ["--prefix", f"new-{number}-{len(row)}-"]
                wanted = ["--attributes", ",".join([*ATTRIBUTES, home])]
                said = output_of([load, *pids, *server, *style, *new, *wanted, *arguments])
                row[label][name] = said
                print(f"round {number + 1}: {label}: {name}: {said['cpu_us']} us, {said['per_second']}/s, {said['wrong']} wrong", file=sys.stderr)
        measured.append(row)
    return measured


def beside(measured, servers):
    both = "slapd" in servers
    head = [
        "", "Keyporch, µs of CPU", "slapd, µs", "slapd / Keyporch", "Keyporch, per second", "slapd", "Keyporch / slapd", "p99 Keyporch, ms",
        "p99 slapd, ms", "wrong",
    ]  # fmt: skip
    lines = []
    for label in measured[0]:
        rows = [row[label] for row in measured]

        def each(name, what):
            return [row[name][what] if name in row else None for row in rows]

        def ratios(what, above, below):
            return median([ratio(*pair) for pair in zip(each(above, what), each(below, what))]) if both else None

        def p99(name):
            return None if "walk" in label else median([value / 1e3 if value is not None else None for value in each(name, "p99_us")])

        lines.append(
            [
                label,
                shown(median(each("keyporch", "cpu_us")), 1),
                shown(median(each("slapd", "cpu_us")), 1),
                shown(ratios("cpu_us", "slapd", "keyporch"), 1),
                shown(median(each("keyporch", "per_second"))),
                shown(median(each("slapd", "per_second"))),
                shown(ratios("per_second", "keyporch", "slapd"), 1),
                shown(p99("keyporch"), 1),
                shown(p99("slapd"), 1),
                sum(row[name]["wrong"] for row in rows for name in row),
            ]
        )
    return table(head, lines)


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--servers", required=True)
    arguments.add_argument("--load", required=True)
    arguments.add_argument("--people", type=int, required=True)
    arguments.add_argument("--adds", type=int, required=True)
    given = arguments.parse_args()
    servers = read_servers(given.servers)
    chosen = {label: of for label, of in cases(given.people, given.adds).items() if given.only in label}
    measured = measure(given.load, servers, chosen, given.rounds)
    memory = {
        name: max((case[name]["pss_kib"] for row in measured for case in row.values() if name in case), default=0) / 1024 for name in servers
    }
    sizes = " and ".join(f"{shown(size)} MiB ({name})" for name, size in memory.items())
    text = (
        f"{given.people:,} people. {medians(given.rounds)}\n\n{beside(measured, servers)}\n\n"
        f"Memory (PSS) at most: {sizes}."
    )
    tell(text, given.document, "the LDAP table")


if __name__ == "__main__":
    main()
