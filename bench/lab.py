#!/usr/bin/env python3
"""lab.py KEYPORCHD RUNS: times of the lab's starts and of its whole story. See lab.sh."""

import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time


def start(program, folder):
    """Starts the lab; returns the process and the milliseconds until it said that it is ready."""
    began = time.monotonic()
    lab = subprocess.Popen(
        [program, "lab", "--dir", folder, "--base-port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    for line in lab.stdout:
        if '"ready"' in line:
            return lab, (time.monotonic() - began) * 1e3
    raise SystemExit(f"the lab ended with {lab.wait()} before it was ready")


def stop(lab):
    lab.send_signal(signal.SIGTERM)
    try:
        lab.wait(15)
    except subprocess.TimeoutExpired:
        lab.kill()
        lab.wait()


def pss(process):
    rollup = pathlib.Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))


def once(program, folder):
    began = time.monotonic()
    command = [program, "lab", "--dir", folder, "--base-port", "0", "--once"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"`lab --once` failed: {done.stderr.strip()}")
    return (time.monotonic() - began) * 1e3


def main(program, runs):
    times = {"fresh, to ready": [], "resumed, to ready": [], "--once, fresh": []}
    memory = []
    scratch = tempfile.mkdtemp(prefix="keyporch-bench.")
    try:
        for number in range(runs):
            folder = f"{scratch}/{number}"
            for kind in ("fresh, to ready", "resumed, to ready"):
                lab, took = start(program, folder)
                times[kind].append(took)
                if kind.startswith("resumed"):
                    time.sleep(1)
                    memory.append(pss(lab))
                stop(lab)
            times["--once, fresh"].append(once(program, f"{folder}-once"))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    for kind, took in times.items():
        print(f"{kind:20} median {statistics.median(took):6.0f} ms   ({min(took):.0f} to {max(took):.0f})")
    print(f"{'idle, resumed':20} {statistics.median(memory) / 1024:.0f} MiB PSS")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
