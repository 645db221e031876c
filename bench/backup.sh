#!/bin/bash
# How long a backup, the check of it, a restore and the check of a store take, with a keyporchd of its own.
#   bench/backup.sh [--profile production|release|debug] [--users N]
# Brings in --users people (100,000) in 20 units and a group for each 1,000 of them; backs them up while the server serves; checks
# the backup; restores it over the store; checks the store, and compares how many rows each of them found. Reports; fails on no time.
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
begin backup
domain 27000
people "$users" >"$work/people.ldif"
admin import "$work/people.ldif" >"$work/said" 2>&1 || {
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
stop_started
measure 'check of the backup' check --backup "$work/corp.keyporch" --json
read=$(rows)
measure 'restore over the store, with its check' restore "$work/corp.keyporch" --replace --json
restored=$(rows)
measure 'check of the store' check --json
echo "the backup has $(du -m "$work/corp.keyporch" | cut -f 1) MB and $written rows; the restored store has $restored"
# The check within a restore counts the row that says it is under way, which goes with its end.
[ "$written" = "$read" ] && [ "$restored" -gt 1 ] && [ "$((restored - 1))" = "$(rows)" ]
