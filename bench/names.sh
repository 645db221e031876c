#!/bin/bash
# Whether names can be told by time, measured on loopback against a keyporchd of its own with hide_unknown_names, as it is by
# default.
#   bench/names.sh [--profile production|release|debug] [--count N]
# For each kind of request that proves nothing, --count turns (10,000): a name of each of two groups that somebody has, and one
# that nobody has, in an order by chance, by UDP. The two groups differ in nothing, so what seems to differ between them is the
# noise. Reports; fails on no time.
set -eu
profile=production count=10000 server=
. "$(dirname "$0")/begin.sh"
while [ $# -gt 0 ]; do
  case $1 in
  --profile) profile=$2; shift 2 ;;
  --count) count=$2; shift 2 ;;
  --server) server=$2; shift 2 ;; # another keyporchd, to compare with
  *) sed -n '2,7s/^# \?//p' "$0" >&2; exit 2 ;;
  esac
done
build kdcload
server=${server:-$built/keyporchd}
begin names

# Pairs of names: the N-th are user(10000 + 2 N) and the one after.
listing=20000 listed=20
key() { # a key, and a certificate that says nothing of anybody
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout "$work/$1.key" -out "$work/$1.pem" \
    -subj "/CN=$1" -days 30 2>/dev/null
}
key stranger
pairs=()
for number in $(seq $((10000 + 2 * listing)) $((10000 + 2 * (listing + listed) - 1))); do
  key "user$number"
  pairs+=("user$number:$work/user$number.pem")
done

offset=24000
kdc=127.0.0.1:$((88 + offset))
"$server" init --domain bench.test --host dc1.bench.test --config "$work/keyporch.toml" --data "$work/data" \
  --address 127.0.0.1 --port-offset "$offset" --json >"$work/init.json"
sed -i 's/^\[kdc\]$/[kdc]\ndatagram_limit = 65000/' "$work/keyporch.toml"
# What an address may do is no concern here: who guesses has many.
printf '\n[limits]\nfailures_per_address = 100000000\nsignatures_per_address = 100000000\n' >>"$work/keyporch.toml"
"$built/populate" "$work/data/directory.sqlite" "$work/data/root.key" $((10000 + 2 * (listing + listed))) \
  "$work/authority.pem" "${pairs[@]}"
"$server" serve --config "$work/keyporch.toml" >"$work/keyporchd.out" 2>&1 &
started+=($!)
"$load" --kdc "$kdc" --wait 30 --count 1 --salt-user user0 >/dev/null || { cat "$work/keyporchd.out" >&2; exit 1; }

ask() { "$load" --kdc "$kdc" --count "$count" "${@:2}" --label "$1"; }
pk="stranger:$work/stranger.pem:$work/stranger.key"
ask 'bare' --names bare --users 100
ask 'bare, the first look at each name' --names bare --first 8000 --users "$count" --cold 1
# Five guesses at each name and one before: fewer than lock an account.
ask 'a wrong password' --names guess --first 1000 --users $(((count + 4) / 5))
ask 'a wrong password, accounts locked out' --names guess --first 100 --users 20
ask "a key that nobody lists, with its certificate" --names key --pk "$pk" --first 200 --users 100
ask "the same, the accounts list a key" --names key --pk "$pk" --first "$listing" --users "$listed"
ask "without its certificate, the accounts list none" --names key --pk "$pk" --certificate 0 --first 200 --users 100
ask "without its certificate, the accounts list a key" --names key --pk "$pk" --certificate 0 --first "$listing" --users "$listed"
