#!/bin/bash
# How long a backup, the check of it, a restore and the check of a store take, with a keyporchd of its own.
#   bench/backup.sh [--profile production|release|debug] [--users N]
# Brings in --users people (100,000) in 20 units and a group for each 1,000 of them; backs them up while the server serves; checks
# the backup; restores it over the store; checks the store, and compares how many rows each of them found. Reports; fails on no time.
set -eu
profile=production users=100000 built=
root=$(cd "$(dirname "$0")/.." && pwd)
while [ $# -gt 0 ]; do
  case $1 in
  --profile) profile=$2; shift 2 ;;
  --users) users=$2; shift 2 ;;
  --built) built=$2; shift 2 ;; # a folder with keyporch and keyporchd, instead of building them
  *) sed -n '2,5s/^# \?//p' "$0" >&2; exit 2 ;;
  esac
done
if [ -z "$built" ]; then
  named=$profile
  [ "$profile" = debug ] && named=dev
  (cd "$root" && cargo build --profile "$named" --locked -p keyporchd -p keyporch)
  built=$root/target/$profile
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/keyporch-backup.XXXXXX")
server=
stop() {
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
  fi
}
trap 'stop; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

"$built/keyporchd" init --domain bench.test --host dc1.bench.test --config "$work/keyporch.toml" --data "$work/data" \
  --address 127.0.0.1 --port-offset 27000 --json >"$work/init.json"
"$built/keyporchd" serve --config "$work/keyporch.toml" >"$work/keyporchd.out" 2>&1 &
server=$!
for _ in $(seq 200); do
  [ -S "$work/data/admin.sock" ] && break
  sleep 0.1
done
awk -v users="$users" 'BEGIN {
  head = "DC=bench,DC=test"
  for (unit = 0; unit < 20; unit++)
    printf "dn: OU=Unit %d,%s\nobjectClass: organizationalUnit\n\n", unit, head
  for (user = 0; user < users; user++) {
    printf "dn: CN=Person %d,OU=Unit %d,%s\nobjectClass: user\n", user, user % 20, head
    printf "sAMAccountName: p%d\nuserPrincipalName: p%d@bench.test\nuserAccountControl: 512\n", user, user
    printf "givenName: Person\nsn: Number %d\ndisplayName: Person %d\nmail: p%d@bench.test\n\n", user, user, user
  }
  for (group = 0; group * 1000 < users; group++) {
    printf "dn: CN=Group %d,%s\nobjectClass: group\nsAMAccountName: group%d\n", group, head, group
    for (user = group * 1000; user < users && user < (group + 1) * 1000; user++)
      printf "member: CN=Person %d,OU=Unit %d,%s\n", user, user % 20, head
    print ""
  }
}' >"$work/people.ldif"
"$built/keyporch" --socket "$work/data/admin.sock" admin import "$work/people.ldif" >"$work/said" 2>&1 || {
  cat "$work/said" "$work/keyporchd.out" >&2
  exit 1
}

measure() { # a name, and what keyporchd is asked for
  local TIMEFORMAT='%R %U %S'
  { time "$built/keyporchd" "${@:2}" --config "$work/keyporch.toml" >"$work/said" 2>&1; } 2>"$work/time" || {
    cat "$work/said" >&2
    exit 1
  }
  awk -v what="$1" '{ printf "%s: %.1f s; CPU: %.1f s\n", what, $1, $2 + $3 }' "$work/time"
}
rows() { # how many rows were told
  grep -o '"rows":[0-9]*' "$work/said" | tail -n 1 | cut -d : -f 2
}
echo "$users people, $(du -m "$work/data/directory.sqlite" | cut -f 1) MB of store," \
  "$(nproc) processors, load $(cut -d ' ' -f 1 /proc/loadavg), $profile build"
measure 'backup beside a server' backup "$work/corp.keyporch" --json
written=$(rows)
measure 'check of the store beside a server' check --json
stop
measure 'check of the backup' check --backup "$work/corp.keyporch" --json
read=$(rows)
measure 'restore over the store, with its check' restore "$work/corp.keyporch" --replace --json
restored=$(rows)
measure 'check of the store' check --json
echo "the backup has $(du -m "$work/corp.keyporch" | cut -f 1) MB and $written rows; the restored store has $restored"
[ "$written" = "$read" ] && [ "$restored" -gt 0 ] && [ "$restored" = "$(rows)" ]
