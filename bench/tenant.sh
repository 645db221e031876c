#!/usr/bin/env bash
# What a tenant's answers cost beside the least that they could cost, in one run on loopback (G9).
#   bench/tenant.sh [--rounds N] [--devices N] [--only TEXT] [--write] [--profile production|release]
# First without sockets and disk, beside the cryptography of each answer (src/bin/tenant.rs). Then a real `keyporchd serve` with
# --devices N devices (10,000), a person each and two Hello keys a person, beside a server that is hyper, rustls and a signature
# (tokenload/src/bin/tokenfloor.rs); the client keeps four connections open and checks every token. --only TEXT runs the cases
# whose name holds TEXT. --write puts the table into docs/performance.md. Everything that is started here ends here.
set -euo pipefail
rounds=5 devices=10000 profile=production only="" document=()
. "$(dirname "$0")/begin.sh"
while [ $# -gt 0 ]; do
  case $1 in
  --rounds) rounds=$2; shift 2 ;;
  --devices) devices=$2; shift 2 ;;
  --only) only=$2; shift 2 ;;
  --profile) profile=$2; shift 2 ;;
  --write) document=(--document "$root/docs/performance.md"); shift ;;
  *) sed -n '2,8s/^# \?//p' "$0" >&2; exit 2 ;;
  esac
done

build tokenload
# Not where temporary files live in memory: primary refresh tokens go to a disk.
begin tenant "$root/target"

offset=25000 host=login.bench.test
https=$((443 + offset)) floor=25901
"$built/keyporchd" init --tenant bench.test --login "https://$host:$https" --config "$work/keyporch.toml" --data "$work/data" \
  --address 127.0.0.1 --port-offset "$offset" --json >"$work/init.json"
tenant=$("$built/tenancy" "$work/data/directory.sqlite" "$work/data/root.key" "$devices" "$work/devices")
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$host" -addext "subjectAltName=DNS:$host" \
  -addext basicConstraints=critical,CA:FALSE -keyout "$work/floor.key" -out "$work/floor.pem" 2>"$work/openssl"

"$built/keyporchd" serve --config "$work/keyporch.toml" >"$work/keyporchd.out" 2>&1 &
started+=($!)
keyporchd=$!
"$(dirname "$load")/tokenfloor" "127.0.0.1:$floor" "$work/floor.pem" "$work/floor.key" >"$work/floor.out" 2>&1 &
started+=($!)
python3 "$bench/tenant.py" --alone "$built/tenant" --load "$load" --host "$host" --tenant "$tenant" --devices "$work/devices" \
  --keyporch "127.0.0.1:$https" "$keyporchd" "$work/keyporch-roots.pem" --floor "127.0.0.1:$floor" "$!" "$work/floor.pem" \
  --rounds "$rounds" --only "$only" "${document[@]}"
