#!/bin/bash
# How long it takes to bring people in from LDIF, and to write them down again, with a keyporchd of its own.
#   bench/import.sh [--profile production|release|debug] [--users N]
# Makes --users people (100,000) in 20 units and a group for each 1,000 of them, without passwords; imports them; asks the server
# how many there are; imports the same again, which changes nothing; and exports them. Reports; fails on no time.
set -eu
profile=production users=100000 built=
. "$(dirname "$0")/begin.sh"
while [ $# -gt 0 ]; do
  case $1 in
  --profile) profile=$2; shift 2 ;;
  --users) users=$2; shift 2 ;;
  --built) built=$2; shift 2 ;; # a folder with keyporch and keyporchd, instead of building them
  *) sed -n '2,5s/^# \?//p' "$0" >&2; exit 2 ;;
  esac
done
[ -n "$built" ] || packages keyporchd keyporch
begin import
domain 26000
people "$users" 'objectClass: posixAccount
uidNumber: 1%d
gidNumber: 10000
unixHomeDirectory: /home/p%d
loginShell: /bin/bash
' >"$work/people.ldif"

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
