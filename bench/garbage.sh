#!/bin/bash
# What strangers do to others, measured on loopback against a keyporchd of its own.
#   bench/garbage.sh [--profile production|release|debug] [--seconds N] [--rate N]
# First: a good client by password and one by key, alone, and then beside --rate requests a second (1,000) whose signature is
# altered, from an address of their own and from one in each of twenty. Second: the times of answers to wrong passwords and to
# names that nobody has, in turns, with hide_unknown_names. Reports; fails on nothing but a wrong answer to a good client.
set -eu
profile=production seconds=10 rate=1000
. "$(dirname "$0")/begin.sh"
while [ $# -gt 0 ]; do
  case $1 in
  --profile) profile=$2; shift 2 ;;
  --seconds) seconds=$2; shift 2 ;;
  --rate) rate=$2; shift 2 ;;
  *) sed -n '2,6s/^# \?//p' "$0" >&2; exit 2 ;;
  esac
done
build kdcload
begin garbage

offset=23000
kdc=127.0.0.1:$((88 + offset))
mkdir "$work/ca"
(cd "$work/ca" && bash "$bench/ca.sh") >"$work/ca.log" 2>&1 || { cat "$work/ca.log" >&2; exit 1; }
"$built/keyporchd" init --domain bench.test --host dc1.bench.test --config "$work/keyporch.toml" --data "$work/data" \
  --address 127.0.0.1 --port-offset "$offset" --json >"$work/init.json"
sed -i 's/^\[kdc\]$/[kdc]\ndatagram_limit = 65000/' "$work/keyporch.toml"
printf '\n[limits]\nfailures_per_address = 1000000\n' >>"$work/keyporch.toml"
"$built/populate" "$work/data/directory.sqlite" "$work/data/root.key" 1000 "$work/authority.pem" "user0:$work/ca/client.pem"
"$built/keyporchd" serve --config "$work/keyporch.toml" >"$work/keyporchd.out" 2>&1 &
started+=($!)
pid=$!
"$load" --kdc "$kdc" --wait 30 --count 1 --salt-user user0 >/dev/null || { cat "$work/keyporchd.out" >&2; exit 1; }

key="--pk user0:$work/ca/client.pem:$work/ca/client.key"
shown() { # what, a line of JSON
  number() { sed "s/.*\"$1\":\([0-9]*\).*/\1/" <<<"$2"; }
  printf '%-58s good %6d  wrong %6d  p50 %6d us  p99 %7d us\n' "$1" "$(number good "$2")" "$(number wrong "$2")" \
    "$(number p50_us "$2")" "$(number p99_us "$2")"
}
password() {
  "$load" --kdc "$kdc" --mode asts --users 1000 --salt-user user0 --connections 1 --per-second 100 --count $((100 * seconds)) \
    --seconds $((2 * seconds)) --pid "$pid"
}
signature() {
  # shellcheck disable=SC2086
  "$load" --kdc "$kdc" --mode pkdh --proto tcp --connections 1 --per-second 20 --count $((20 * seconds)) --seconds $((2 * seconds)) \
    $key --kdc-issuer "$work/authority.pem" --pid "$pid"
}
flood() { # from how many addresses
  for number in $(seq 1 "$1"); do
    # shellcheck disable=SC2086
    "$load" --kdc "$kdc" --mode pkdh --proto udp --source "127.66.0.$number" --garbage 1 --connections 2 \
      --per-second $((rate / $1)) --count $((rate / $1 * seconds * 3)) --seconds $((seconds * 3)) $key >/dev/null 2>&1 &
    floods+=($!)
  done
}
stop() { for one in "${floods[@]}"; do kill "$one" 2>/dev/null || true; wait "$one" 2>/dev/null || true; done; floods=(); }

floods=()
trap 'stop; finish' EXIT
shown "by password, alone" "$(password)"
shown "by key, alone" "$(signature)"
for addresses in 1 20; do
  flood "$addresses"
  sleep 5
  beside="$rate bad signatures a second from $addresses"
  shown "by password, beside $beside" "$(password)"
  shown "by key, beside $beside" "$(signature)"
  stop
done

echo
echo "wrong passwords and names that nobody has, in turns:"
for round in 1 2 3; do
  for prefix in user nobo; do
    said=$("$load" --kdc "$kdc" --mode asts --prefix "$prefix" --users 1000 --password "wrong$round" --salt-user user0 --connections 1 \
      --count 1000 2>/dev/null) || true
    shown "round $round, names that begin with $prefix" "$said"
  done
done
curl -s "http://127.0.0.1:$((9464 + offset))/metrics" | grep -E '^keyporch_kdc_(source|signatures|refusals|exchanges)' || true
