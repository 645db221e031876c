#!/bin/bash
# The KDC beside Debian's MIT krb5 and Heimdal and the floor, in turns, in one run on loopback.
#   bench/kdc.sh [--rounds N] [--users N] [--many N] [--only TEXT] [--write] [--exchanges N]
# --only TEXT runs the cases whose name holds TEXT. --many N runs the cases of many people beside it, with N of them, and
# says how soon a server that has them answers after its start. --write puts the table into docs/performance.md.
# --exchanges N makes N PKINIT exchanges with MODP-2048 after the table and counts wrong replies (G7). Heimdal is
# measured where `cargo xtask bench kdc` has unpacked it. Everything that is started here ends here.
set -eu
rounds=5 users=1000 many=0 only="" exchanges=0 document=()
root=$(cd "$(dirname "$0")/.." && pwd)
bench=$root/bench
while [ $# -gt 0 ]; do
  case $1 in
  --rounds) rounds=$2; shift 2 ;;
  --users) users=$2; shift 2 ;;
  --many) many=$2; shift 2 ;;
  --only) only=$2; shift 2 ;;
  --exchanges) exchanges=$2; shift 2 ;;
  --write) document=(--document "$root/docs/performance.md"); shift ;;
  *) sed -n '2,8s/^# \?//p' "$0" >&2; exit 2 ;;
  esac
done

(cd "$root" && cargo build --profile production --locked -p keyporchd -p keyporch-bench)
(cd "$bench/kdcload" && cargo build --release --locked)
built=$root/target/production
load=$bench/kdcload/target/release/kdcload
heimdal=$root/target/heimdal-kdc

work=$(mktemp -d "${TMPDIR:-/tmp}/keyporch-bench.XXXXXX")
started=()
finish() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

mkdir "$work/ca"
# Says what a quiet command said when it fails.
quietly() { "$@" >"$work/said" 2>&1 || { cat "$work/said" >&2; exit 1; }; }
authority() { (cd "$work/ca" && bash "$bench/ca.sh"); }
quietly authority

# served NAME ADDRESS COMMAND...: starts a server and waits until it answers.
served() {
  local name=$1 address=$2
  shift 2
  "$@" >"$work/$name.out" 2>&1 &
  started+=($!)
  echo "$name $address $!" >>"$work/servers"
  "$load" --kdc "$address" --wait 20 --count 1 --salt-user user0 >/dev/null || { cat "$work/$name.out" >&2; exit 1; }
}

# mit NAME PORT USERS
mit() {
  quietly bash "$bench/mit.sh" setup "$work/$1" "$2" "$work/ca" "$3"
  served "$1" "127.0.0.1:$2" bash "$bench/mit.sh" serve "$work/$1"
}

# prepared NAME OFFSET USERS: a directory of Keyporch's with so many people.
prepared() {
  local own=$work/$1
  mkdir "$own"
  "$built/keyporchd" init --domain bench.test --host dc1.bench.test --config "$own/keyporch.toml" --data "$own/data" \
    --address 127.0.0.1 --port-offset "$2" --json >"$own/init.json"
  # What an administrator may have said otherwise holds for all servers: tickets with a PAC fit into one datagram.
  sed -i 's/^\[kdc\]$/[kdc]\ndatagram_limit = 65000/' "$own/keyporch.toml"
  "$built/populate" "$own/data/directory.sqlite" "$own/data/root.key" "$3" "$own/authority.pem" \
    "user0:$work/ca/client.pem" "user0:$work/ca/clientec.pem"
}

# keyporch NAME OFFSET
keyporch() {
  served "$1" "127.0.0.1:$((88 + $2))" "$built/keyporchd" serve --config "$work/$1/keyporch.toml"
}

# From starting the program to the first good answer of keyporch@many, in ms, the median of five.
first_answer() {
  local times=() pid before said
  for _ in 1 2 3 4 5; do
    "$load" --kdc "127.0.0.1:$((88 + $1))" --wait 20 --count 1 --salt-user user0 >"$work/first" &
    said=$!
    # Its request is made, and it asks every millisecond.
    sleep 0.5
    before=$(date +%s%3N)
    "$built/keyporchd" serve --config "$work/keyporch@many/keyporch.toml" >"$work/first.out" 2>&1 &
    pid=$!
    started+=("$pid")
    wait "$said"
    times+=($(($(sed 's/.*"first_answer_at_ms":\([0-9]*\).*/\1/' "$work/first") - before)))
    kill "$pid"
    wait "$pid" || true
  done
  printf '%s\n' "${times[@]}" | sort -n | sed -n 3p
}

# Below what the system gives out by itself, the highest, 9464 + offset, included.
mit mit 22750 "$users"
prepared keyporch 22000 "$users"
keyporch keyporch 22000
keyporch_pid=${started[-1]}
if [ -d "$heimdal" ]; then
  quietly bash "$bench/heimdal.sh" setup "$heimdal" "$work/heimdal" 22752 "$work/ca" "$users"
  served heimdal 127.0.0.1:22752 bash "$bench/heimdal.sh" serve "$heimdal" "$work/heimdal"
fi
note=""
if [ "$many" != 0 ]; then
  mit mit@many 22751 "$many"
  prepared keyporch@many 21000 "$many"
  note="With $many people it answers $(first_answer 21000) ms after its start."
  keyporch keyporch@many 21000
fi

export RSA="--pk user0:$work/ca/client.pem:$work/ca/client.key"
export EC="--pk user0:$work/ca/clientec.pem:$work/ca/clientec.key"
export MIT="--kdc-certificate $work/ca/kdc.pem" KEYPORCH="--kdc-issuer $work/keyporch/authority.pem" MANY=$many
[ "$rounds" = 0 ] || python3 "$bench/compare.py" --cases "$bench/kdc-cases.txt" --servers "$work/servers" --floor "$built/floor" \
  --rounds "$rounds" --only "$only" --log "$work/log.jsonl" --note "$note" "${document[@]}"

# In portions, for every reply is kept until it is checked.
good=0 wrong=0 zero=0
while [ $((good + wrong)) -lt "$exchanges" ]; do
  # shellcheck disable=SC2086
  said=$("$load" --kdc 127.0.0.1:22088 --pid "$keyporch_pid" --mode pkdh --proto tcp --seconds 600 --count 5000 $RSA $KEYPORCH) || true
  number() { sed "s/.*\"$1\":\([0-9]*\).*/\1/" <<<"$said"; }
  good=$((good + $(number good))) wrong=$((wrong + $(number wrong))) zero=$((zero + $(number zero_led)))
  echo "$good good, $wrong wrong, $zero with a secret that began with a zero byte"
done
