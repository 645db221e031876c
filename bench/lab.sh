#!/bin/bash
# How long the lab takes (G12): bench/lab.sh [RUNS]
# From starting the program to `ready`, with a folder of its own that is empty (fresh) and with the one of the run before
# (resumed), and the whole of `--once`; medians of RUNS. Then the memory (PSS) of the idle lab.
set -eu
runs=${1:-10}
root=$(cd "$(dirname "$0")/.." && pwd)
(cd "$root" && cargo build --release --locked -p keyporchd)
exec python3 "$root/bench/lab.py" "$root/target/release/keyporchd" "$runs"
