#!/bin/bash
# The directory over LDAP beside Debian's slapd, in turns, in one run on loopback (G8).
#   bench/ldap.sh [--rounds N] [--people N] [--adds N] [--only TEXT] [--postgresql] [--write] [--profile production|release]
# Both have --people N people (100,000) with the attributes of a Linux fleet, and are asked for the same of them over TCP without
# TLS, by a client that reads every answer. --only TEXT runs the cases whose name holds TEXT. --postgresql has Keyporch's
# people in a PostgreSQL database, which is measured with it. --write puts the table into docs/performance.md. slapd is measured where `cargo xtask bench ldap` has unpacked it. Everything that is started here ends here.
set -eu
rounds=5 people=100000 adds=2000 profile=production only="" database="" document=()
. "$(dirname "$0")/begin.sh"
while [ $# -gt 0 ]; do
  case $1 in
  --rounds) rounds=$2; shift 2 ;;
  --people) people=$2; shift 2 ;;
  --adds) adds=$2; shift 2 ;;
  --only) only=$2; shift 2 ;;
  --profile) profile=$2; shift 2 ;;
  --postgresql) database=1; shift ;;
  --write) document=(--document "$root/docs/performance.md"); shift ;;
  *) sed -n '2,7s/^# \?//p' "$0" >&2; exit 2 ;;
  esac
done

build ldapload
slapd=$root/target/slapd

# Not where temporary files live in memory: adds go to a disk.
begin ldap "$root/target"

# served NAME ADDRESS PIDS BIND PASSWORD BASE COMMAND...: starts a server and waits until it answers.
served() {
  local name=$1 address=$2 beside=$3 bind=$4 password=$5 base=$6
  shift 6
  "$@" >"$work/$name.out" 2>&1 &
  started+=($!)
  printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$address" "$!$beside" "$bind" "$password" "$base" >>"$work/servers"
  # It says on standard error why it could not sign in.
  "$load" --server "$address" --wait 60 --bind "$bind" --password "$password" --base "$base" --count 0 >/dev/null 2>"$work/waited" || true
  [ ! -s "$work/waited" ] || { cat "$work/waited" "$work/$name.out" >&2; exit 1; }
}

offset=24000 store=$work/data/directory.sqlite beside="" in=()
if [ -n "$database" ]; then
  programs=$(find /usr/lib/postgresql -maxdepth 2 -name bin | sort | tail -n 1)
  # A socket's path is short, and PostgreSQL does not run as root.
  cluster=$(mktemp -d "${TMPDIR:-/tmp}/keyporch-pg.XXXXXX")
  made+=("$cluster")
  as=()
  [ "$(id -u)" != 0 ] || { chown nobody "$cluster"; as=(runuser -u nobody --); }
  "${as[@]}" "$programs/initdb" -D "$cluster/db" -U keyporch -A trust -E UTF8 --no-locale >"$work/initdb" 2>&1
  "${as[@]}" "$programs/postgres" -D "$cluster/db" -k "$cluster" -c listen_addresses= >"$work/postgres" 2>&1 &
  started+=($!)
  beside=,$!
  until "$programs/pg_isready" -q -h "$cluster"; do sleep 0.1; done
  "$programs/createdb" -h "$cluster" -U keyporch keyporch
  store="postgresql://keyporch@/keyporch?host=$cluster" in=(--store "$store")
fi
"$built/keyporchd" init --domain bench.test --host dc1.bench.test --config "$work/keyporch.toml" --data "$work/data" \
  --address 127.0.0.1 --port-offset "$offset" "${in[@]}" --json >"$work/init.json"
# slapd's administrator has no more than a password either.
printf '\n[ldap]\nsimple_without_tls = true\nadminister_by_password = true\n' >>"$work/keyporch.toml"
"$built/fleet" "$store" "$work/data/root.key" "$people"
password=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["administrator"]["password"])' "$work/init.json")
served keyporch "127.0.0.1:$((389 + offset))" "$beside" admin@bench.test "$password" CN=Users,DC=bench,DC=test \
  "$built/keyporchd" serve --config "$work/keyporch.toml"
if [ -d "$slapd" ]; then
  bash "$bench/slapd.sh" setup "$slapd" "$work/slapd" "$people"
  served slapd 127.0.0.1:22389 "" cn=admin,dc=bench,dc=test admin ou=people,dc=bench,dc=test bash "$bench/slapd.sh" serve "$slapd" "$work/slapd" 22389
fi

python3 "$bench/ldap.py" --servers "$work/servers" --load "$load" --rounds "$rounds" --people "$people" --adds "$adds" --only "$only" "${document[@]}"
