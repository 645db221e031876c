"""What the measurements share: medians and ratios, tables in Markdown, and the place in a document where they stand."""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys


def parser(about, rounds=5):
    """The options that every measurement has."""
    arguments = argparse.ArgumentParser(description=about)
    arguments.add_argument("--rounds", type=int, default=rounds)
    arguments.add_argument("--only", default="")
    arguments.add_argument("--document", help="the file whose table is written anew")
    return arguments


def output_of(command):
    """The line of JSON that a load prints. What it complains of is passed on; one that measured nothing ends all."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.stderr:
        print(done.stderr.strip(), file=sys.stderr)
    if not done.stdout.strip():
        sys.exit(f"{command[0]} measured nothing: {' '.join(command[1:])}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def ratio(above, below):
    return above / below if above and below else None


def shown(value, digits=0):
    return "–" if value is None else f"{value:,.{digits}f}"


def table(head, rows):
    """A table whose first column is of words and whose others are of numbers."""
    lines = ["|" + "|".join(f" {name} " if name else " " for name in head) + "|"]
    lines.append("|---|" + "--:|" * (len(head) - 1))
    return "\n".join([*lines, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows)])


def machine():
    model = re.search(r"model name\s*: (.*)", open("/proc/cpuinfo").read())
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} processors ({model.group(1) if model else 'unknown'}), load average {load:.1f} at the end"


def medians(rounds):
    return f"Medians of {rounds} rounds on {machine()}."


def tell(text, document, what):
    """Prints what was measured, and where there is a document, writes it between the marks of this table."""
    print(text)
    if not document:
        return
    begin, end = f"<!-- {what} begins -->", f"<!-- {what} ends -->"
    whole = open(document).read()
    before, rest = whole.split(begin, 1)
    after = rest.split(end, 1)[1]
    open(document, "w").write(f"{before}{begin}\n\n{text}\n\n{end}{after}")
