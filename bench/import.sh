#!/bin/bash
# How long it takes to bring people in from LDIF, and to write them down again, with a keyporchd of its own.
#   bench/import.sh [--profile production|release|debug] [--users N]
# Makes --users people (100,000) in 20 units and a group for each 1,000 of them, without passwords; imports them; asks the server
# how many there are; imports the same again, which changes nothing; and exports them. Reports; fails on no time.
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

work=$(mktemp -d "${TMPDIR:-/tmp}/keyporch-import.XXXXXX")
server=
finish() {
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

"$built/keyporchd" init --domain bench.test --host dc1.bench.test --config "$work/keyporch.toml" --data "$work/data" \
  --address 127.0.0.1 --port-offset 26000 --json >"$work/init.json"
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
    printf "dn: CN=Person %d,OU=Unit %d,%s\nobjectClass: user\nobjectClass: posixAccount\n", user, user % 20, head
    printf "sAMAccountName: p%d\nuserPrincipalName: p%d@bench.test\nuserAccountControl: 512\n", user, user
    printf "givenName: Person\nsn: Number %d\ndisplayName: Person %d\nmail: p%d@bench.test\n", user, user, user
    printf "uidNumber: %d\ngidNumber: 10000\nunixHomeDirectory: /home/p%d\nloginShell: /bin/bash\n\n", 10000 + user, user
  }
  for (group = 0; group * 1000 < users; group++) {
    printf "dn: CN=Group %d,%s\nobjectClass: group\nsAMAccountName: group%d\n", group, head, group
    for (user = group * 1000; user < users && user < (group + 1) * 1000; user++)
      printf "member: CN=Person %d,OU=Unit %d,%s\n", user, user % 20, head
    print ""
  }
}' >"$work/people.ldif"

admin() { "$built/keyporch" --socket "$work/data/admin.sock" admin "$@"; }
cpu() { awk -v hertz="$(getconf CLK_TCK)" '{ printf "%.1f", ($14 + $15) / hertz }' "/proc/$server/stat"; }
measure() { # a name, and what is done
  local before TIMEFORMAT='%R %U %S'
  before=$(cpu)
  { time "${@:2}" >"$work/said" 2>&1; } 2>"$work/time" || { cat "$work/said" "$work/keyporchd.out" >&2; exit 1; }
  awk -v what="$1" -v before="$before" -v after="$(cpu)" -v said="$(tail -n 1 "$work/said")" '{
    printf "%s: %.1f s; CPU: %.1f s the server, %.1f s the command. %s\n", what, $1, after - before, $2 + $3, said
  }' "$work/time"
}
echo "$users people, $(wc -c <"$work/people.ldif" | awk '{ printf "%.0f", $1 / 1000000 }') MB of LDIF," \
  "$(nproc) processors, load $(cut -d ' ' -f 1 /proc/loadavg), $profile build"
measure 'import' admin import "$work/people.ldif"
measure 'the same again' admin import "$work/people.ldif"
measure 'export' admin export --out "$work/out.ldif"
there=$(grep -c '^userPrincipalName: p[0-9]*@bench.test$' "$work/out.ldif")
members=$(grep -c '^member: CN=Person' "$work/out.ldif")
echo "there are $there people with $members memberships; memory of the server:" \
  "$(awk '/^VmHWM/ { printf "%.0f", $2 / 1024 }' "/proc/$server/status") MiB at most;" \
  "its store: $(du -m "$work/data/directory.sqlite" | cut -f 1) MB"
[ "$there" = "$users" ] && [ "$members" = "$users" ]
