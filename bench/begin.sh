# What the scripts here begin with that run a server of their own, and read this file: what they measure is built, they
# get a folder of their own, and whatever they start ends with them.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bench=$root/bench
started=() made=()

# packages PACKAGE...: these of the workspace by $profile, in $built.
packages() {
  local named=$profile
  [ "$profile" = debug ] && named=dev
  (cd "$root" && cargo build --profile "$named" --locked "${@/#/--package=}")
  built=$root/target/$profile
}

# build LOAD: keyporchd by $profile, in $built, and the client that asks it, $load.
build() {
  packages keyporchd keyporch-bench
  (cd "$bench/$1" && cargo build --release --locked)
  load=$bench/$1/target/release/$1
}

# begin NAME [FOLDER]: a folder for what is written, $work, within FOLDER or where temporary files are. However the script
# ends, the processes of `started` end, and $work and the folders of `made` go.
begin() {
  work=$(mktemp -d "${2:-${TMPDIR:-/tmp}}/keyporch-$1.XXXXXX")
  trap finish EXIT
  trap 'exit 130' INT TERM
}

# domain OFFSET: a domain of its own in $work, and its keyporchd, $server, whose ports are so much higher. It is
# waited for until it is there to be administered.
domain() {
  "$built/keyporchd" init --domain bench.test --host dc1.bench.test --config "$work/keyporch.toml" --data "$work/data" \
    --address 127.0.0.1 --port-offset "$1" --json >"$work/init.json"
  "$built/keyporchd" serve --config "$work/keyporch.toml" >"$work/keyporchd.out" 2>&1 &
  server=$!
  started+=("$server")
  for _ in $(seq 200); do
    [ -S "$work/data/admin.sock" ] && break
    sleep 0.1
  done
}

admin() { "$built/keyporch" --socket "$work/data/admin.sock" admin "$@"; }

# people USERS [LINES]: so many people in 20 units and a group for each 1,000 of them, as LDIF, without passwords. LINES are
# written for each besides, where every %d is the person's number.
people() {
  besides=${2:-} awk -v users="$1" 'BEGIN {
    head = "DC=bench,DC=test"
    for (unit = 0; unit < 20; unit++)
      printf "dn: OU=Unit %d,%s\nobjectClass: organizationalUnit\n\n", unit, head
    for (user = 0; user < users; user++) {
      printf "dn: CN=Person %d,OU=Unit %d,%s\nobjectClass: user\n", user, user % 20, head
      printf "sAMAccountName: p%d\nuserPrincipalName: p%d@bench.test\nuserAccountControl: 512\n", user, user
      printf "givenName: Person\nsn: Number %d\ndisplayName: Person %d\nmail: p%d@bench.test\n", user, user, user
      lines = ENVIRON["besides"]
      gsub("%d", user, lines)
      print lines
    }
    for (group = 0; group * 1000 < users; group++) {
      printf "dn: CN=Group %d,%s\nobjectClass: group\nsAMAccountName: group%d\n", group, head, group
      for (user = group * 1000; user < users && user < (group + 1) * 1000; user++)
        printf "member: CN=Person %d,OU=Unit %d,%s\n", user, user % 20, head
      print ""
    }
  }'
}

# stop_started: what was started ends, and is waited for.
stop_started() {
  local pid
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
  started=()
}

finish() {
  stop_started
  rm -rf "$work" "${made[@]}"
}
