#!/usr/bin/env python3
"""Runs load cases against several servers, in turns over rounds, and prints the medians as a table.

Every round measures the floor and then runs every case once, so that noise on the machine hits all alike. The figure
to compare is server CPU per good answer; ratios are formed within a round, and their medians are printed.
"""

import json
import os
import shlex
import sys

from tables import median, medians, output_of, parser, ratio, shown, table, tell

HERE = os.path.dirname(os.path.abspath(__file__))
KDCLOAD = os.path.join(HERE, "kdcload/target/release/kdcload")
SERVERS = ("keyporch", "mit", "heimdal")
# How the labels of the cases end that are compared with each other.
MANY, FEW = ", UDP, many people", ", encrypted timestamp, UDP"


def read_cases(path, only):
    cases = []
    for line in open(path):
        line = line.split("#")[0].strip()
        if line:
            label, floor, server, arguments = (part.strip() for part in line.split("|", 3))
            if only in label:
                cases.append((label, floor, server, shlex.split(os.path.expandvars(arguments))))
    return cases


def read_servers(path):
    """Lines of NAME ADDRESS PID. What follows an @ in a name says which of several servers of a kind it is."""
    return {name: (address, pid) for name, address, pid in (line.split() for line in open(path))}


def measure(cases, servers, floor, rounds, log):
    """Rows of one round each: {label: {"floor": us, server: what kdcload says}}."""
    measured = []
    for number in range(rounds):
        floors = output_of([floor])
        row = {}
        for label, name, server, arguments in cases:
            if server not in servers:
                continue
            address, pid = servers[server]
            server = server.split("@")[0]
            said = output_of([KDCLOAD, "--kdc", address, "--pid", pid, "--label", label, *arguments])
            row.setdefault(label, {"floor": floors[name], "floors": floors})[server] = said
            print(f"round {number + 1}: {label}: {server}: {said['cpu_us']} us, {said['wrong']} wrong", file=sys.stderr)
        log.write(json.dumps(row) + "\n")
        log.flush()
        measured.append(row)
    return measured


def cpu(row, server):
    return row[server]["cpu_us"] if server in row and row[server]["good"] else None


def growth_of(row):
    """How much more of the server's time an exchange takes among many people than among few."""
    many = [(cpu(case, "keyporch"), cpu(row.get(label.split(",")[0] + FEW, {}), "keyporch")) for label, case in row.items() if label.endswith(MANY)]
    return median([ratio(*pair) for pair in many])


def exchanges(measured):
    head = [
        "exchange", "floor, µs", "Keyporch, µs", "MIT, µs", "Heimdal, µs", "Keyporch / floor", "MIT / Keyporch", "Heimdal / Keyporch",
        "p99 Keyporch, ms", "p99 MIT, ms", "p99 Heimdal, ms", "wrong replies",
    ]  # fmt: skip
    lines = []
    for label in measured[0]:
        rows = [row[label] for row in measured if label in row]
        p99 = {
            server: median([row[server]["p99_us"] / 1e3 if server in row else None for row in rows])
            for server in SERVERS
        }
        measured_here = [server for server in SERVERS if any(server in row for row in rows)]
        wrong = [sum(row[server]["wrong"] for row in rows if server in row) for server in measured_here]
        wrong = ", ".join(str(number) for number in wrong)
        ours = [cpu(row, "keyporch") for row in rows]
        lines.append(
            [
                label,
                shown(median([row["floor"] for row in rows])),
                shown(median(ours)),
                shown(median([cpu(row, "mit") for row in rows])),
                shown(median([cpu(row, "heimdal") for row in rows])),
                shown(median([ratio(cpu(row, "keyporch"), row["floor"]) for row in rows]), 2),
                shown(median([ratio(cpu(row, "mit"), cpu(row, "keyporch")) for row in rows]), 1),
                shown(median([ratio(cpu(row, "heimdal"), cpu(row, "keyporch")) for row in rows]), 1),
                *(shown(p99[server], 1) for server in SERVERS),
                wrong,
            ]
        )
    return table(head, lines)


def main():
    arguments = parser(__doc__)
    arguments.add_argument("--cases", required=True)
    arguments.add_argument("--servers", required=True)
    arguments.add_argument("--floor", required=True)
    arguments.add_argument("--log", required=True)
    arguments.add_argument("--note", default="", help="a sentence that is to stand beneath the table")
    given = arguments.parse_args()
    cases = read_cases(given.cases, given.only)
    with open(given.log, "w") as log:
        measured = measure(cases, read_servers(given.servers), given.floor, given.rounds, log)
    floors = [next(iter(row.values()))["floors"] for row in measured]
    combed = median([ratio(floor["pkinit_modp_table"], floor["pkinit_modp"]) for floor in floors])
    memory = max(case["keyporch"]["pss_kib"] for row in measured for case in row.values() if "keyporch" in case)
    growth = median([growth_of(row) for row in measured])
    text = (
        f"{medians(given.rounds)}\n\n{exchanges(measured)}\n\n"
        f"The floor of PKINIT with MODP-2048 and the table for g = 2 is {combed:.2f} times the plain one. "
        f"Keyporch's memory under this load (PSS): {memory / 1024:.0f} MiB at most."
    )
    if growth:
        text += f" With many people it takes {growth:.2f} times the CPU time that it takes with few."
    if given.note:
        text += " " + given.note
    tell(text, given.document, "the table")


if __name__ == "__main__":
    main()
