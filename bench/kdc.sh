#!/bin/bash
# The KDC beside Debian's MIT krb5 and the floor, in turns, in one run on loopback.
#   bench/kdc.sh [--rounds N] [--users N] [--only TEXT] [--write] [--exchanges N]
# --only TEXT runs the cases whose name holds TEXT. --write puts the table into docs/performance.md. --exchanges N
# makes N PKINIT exchanges with MODP-2048 after the table and counts wrong replies (G7). Everything that it starts ends
# with it.
set -eu
rounds=5 users=1000 only="" exchanges=0 document=()
root=$(cd "$(dirname "$0")/.." && pwd)
bench=$root/bench
while [ $# -gt 0 ]; do
  case $1 in
  --rounds) rounds=$2; shift 2 ;;
  --users) users=$2; shift 2 ;;
  --only) only=$2; shift 2 ;;
  --exchanges) exchanges=$2; shift 2 ;;
  --write) document=(--document "$root/docs/performance.md"); shift ;;
  *) sed -n '2,6s/^# \?//p' "$0" >&2; exit 2 ;;
  esac
done

(cd "$root" && cargo build --profile production --locked -p keyporchd -p keyporch-bench)
(cd "$bench/kdcload" && cargo build --release --locked)
built=$root/target/production

work=$(mktemp -d "${TMPDIR:-/tmp}/keyporch-bench.XXXXXX")
started=()
finish() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# Below what the system gives out by itself, the highest, 9464 + offset, included.
mit=127.0.0.1:22750
offset=22000
keyporch=127.0.0.1:$((88 + offset))

mkdir "$work/ca"
(cd "$work/ca" && bash "$bench/ca.sh") >"$work/ca.log" 2>&1 || { cat "$work/ca.log" >&2; exit 1; }
bash "$bench/mit.sh" setup "$work/mit" "${mit#*:}" "$work/ca" "$users" >"$work/mit.log" 2>&1 ||
  { cat "$work/mit.log" >&2; exit 1; }

"$built/keyporchd" init --domain bench.test --host dc1.bench.test --config "$work/keyporch.toml" --data "$work/data" \
  --address 127.0.0.1 --port-offset "$offset" --json >"$work/init.json"
# What an administrator may have said otherwise holds for both servers: tickets with a PAC fit into one datagram.
sed -i 's/^\[kdc\]$/[kdc]\ndatagram_limit = 65000/' "$work/keyporch.toml"
"$built/populate" "$work/data/directory.sqlite" "$work/data/root.key" "$users" "$work/authority.pem" \
  "user0:$work/ca/client.pem" "user0:$work/ca/clientec.pem"

bash "$bench/mit.sh" serve "$work/mit" >"$work/mit.out" 2>&1 &
started+=($!)
echo "mit $mit $!" >>"$work/servers"
"$built/keyporchd" serve --config "$work/keyporch.toml" >"$work/keyporchd.out" 2>&1 &
started+=($!)
keyporch_pid=$!
echo "keyporch $keyporch $!" >>"$work/servers"

load=$bench/kdcload/target/release/kdcload
for server in "$mit" "$keyporch"; do
  "$load" --kdc "$server" --wait 20 --count 1 --salt-user user0 >/dev/null ||
    { cat "$work/mit.out" "$work/keyporchd.out" >&2; exit 1; }
done

export RSA="--pk user0:$work/ca/client.pem:$work/ca/client.key"
export EC="--pk user0:$work/ca/clientec.pem:$work/ca/clientec.key"
export MIT="--kdc-certificate $work/ca/kdc.pem" KEYPORCH="--kdc-issuer $work/authority.pem"
[ "$rounds" = 0 ] || python3 "$bench/compare.py" --cases "$bench/kdc-cases.txt" --servers "$work/servers" --floor "$built/floor" \
  --rounds "$rounds" --only "$only" --log "$work/log.jsonl" "${document[@]}"

# In portions, for every reply is kept until it is checked.
good=0 wrong=0 zero=0
while [ $((good + wrong)) -lt "$exchanges" ]; do
  # shellcheck disable=SC2086
  said=$("$load" --kdc "$keyporch" --pid "$keyporch_pid" --mode pkdh --proto tcp --seconds 600 --count 5000 $RSA $KEYPORCH) || true
  number() { sed "s/.*\"$1\":\([0-9]*\).*/\1/" <<<"$said"; }
  good=$((good + $(number good))) wrong=$((wrong + $(number wrong))) zero=$((zero + $(number zero_led)))
  echo "$good good, $wrong wrong, $zero with a secret that began with a zero byte"
done
