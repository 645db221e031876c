#!/usr/bin/env python3
"""Runs load cases against several servers, in turns over rounds, and prints the medians as a table.

Every round measures the floor and then runs every case once, so that noise on the machine hits all alike. The figure
to compare is server CPU per good answer; ratios are formed within a round, and their medians are printed.
"""

import argparse
import json
import os
import re
import shlex
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
KDCLOAD = os.path.join(HERE, "kdcload/target/release/kdcload")
SERVERS = ("keyporch", "mit", "heimdal")
# How the labels of the cases end that are compared with each other.
MANY, FEW = ", UDP, many people", ", encrypted timestamp, UDP"
BEGIN, END = "<!-- the table begins -->", "<!-- the table ends -->"


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


def output_of(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.stderr:
        print(done.stderr.strip(), file=sys.stderr)
    return json.loads(done.stdout.strip().splitlines()[-1])


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


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def cpu(row, server):
    return row[server]["cpu_us"] if server in row and row[server]["good"] else None


def growth_of(row):
    """How much more of the server's time an exchange takes among many people than among few."""
    many = [(cpu(case, "keyporch"), cpu(row.get(label.split(",")[0] + FEW, {}), "keyporch")) for label, case in row.items() if label.endswith(MANY)]
    return median([ratio(*pair) for pair in many])


def ratio(above, below):
    return above / below if above and below else None


def shown(value, digits=0):
    return "–" if value is None else f"{value:,.{digits}f}"


def table(measured):
    lines = [
        "| exchange | floor, µs | Keyporch, µs | MIT, µs | Heimdal, µs | Keyporch / floor | MIT / Keyporch | Heimdal / Keyporch "
        "| p99 Keyporch, ms | p99 MIT, ms | p99 Heimdal, ms | wrong replies |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
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
            f"| {label} | {shown(median([row['floor'] for row in rows]))} | {shown(median(ours))} "
            f"| {shown(median([cpu(row, 'mit') for row in rows]))} | {shown(median([cpu(row, 'heimdal') for row in rows]))} "
            f"| {shown(median([ratio(cpu(row, 'keyporch'), row['floor']) for row in rows]), 2)} "
            f"| {shown(median([ratio(cpu(row, 'mit'), cpu(row, 'keyporch')) for row in rows]), 1)} "
            f"| {shown(median([ratio(cpu(row, 'heimdal'), cpu(row, 'keyporch')) for row in rows]), 1)} "
            f"| {shown(p99['keyporch'], 1)} | {shown(p99['mit'], 1)} | {shown(p99['heimdal'], 1)} | {wrong} |"
        )
    return "\n".join(lines)


def machine():
    model = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read())
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} processors ({model.group(1) if model else 'unknown'}), load average {load:.1f} at the end"


def write_into(document, text, begin=BEGIN, end=END):
    whole = open(document).read()
    before, rest = whole.split(begin, 1)
    after = rest.split(end, 1)[1]
    open(document, "w").write(f"{before}{begin}\n\n{text}\n\n{end}{after}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cases", required=True)
    arguments.add_argument("--servers", required=True)
    arguments.add_argument("--floor", required=True)
    arguments.add_argument("--log", required=True)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--only", default="")
    arguments.add_argument("--note", default="", help="a sentence that is to stand beneath the table")
    arguments.add_argument("--document", help="the file whose table is written anew")
    given = arguments.parse_args()
    cases = read_cases(given.cases, given.only)
    with open(given.log, "w") as log:
        measured = measure(cases, read_servers(given.servers), given.floor, given.rounds, log)
    floors = [next(iter(row.values()))["floors"] for row in measured]
    combed = median([ratio(floor["pkinit_modp_table"], floor["pkinit_modp"]) for floor in floors])
    memory = max(case["keyporch"]["pss_kib"] for row in measured for case in row.values() if "keyporch" in case)
    growth = median([growth_of(row) for row in measured])
    text = (
        f"Medians of {given.rounds} rounds on {machine()}.\n\n{table(measured)}\n\n"
        f"The floor of PKINIT with MODP-2048 and the table for g = 2 is {combed:.2f} times the plain one. "
        f"Keyporch's memory under this load (PSS): {memory / 1024:.0f} MiB at most."
    )
    if growth:
        text += f" With many people it takes {growth:.2f} times the CPU time that it takes with few."
    if given.note:
        text += " " + given.note
    print(text)
    if given.document:
        write_into(given.document, text)


if __name__ == "__main__":
    main()
