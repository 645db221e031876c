# What garbage.sh, names.sh and ldap.sh begin with, which read this file: what they measure is built, they get a folder of
# their own, and whatever they start ends with them.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bench=$root/bench
started=() made=()

# build LOAD: keyporchd by $profile, in $built, and the client that asks it, $load.
build() {
  local named=$profile
  [ "$profile" = debug ] && named=dev
  (cd "$root" && cargo build --profile "$named" --locked -p keyporchd -p keyporch-bench)
  (cd "$bench/$1" && cargo build --release --locked)
  built=$root/target/$profile
  load=$bench/$1/target/release/$1
}

# begin NAME [FOLDER]: a folder for what is written, $work, within FOLDER or where temporary files are. However the script
# ends, the processes of `started` end, and $work and the folders of `made` go.
begin() {
  work=$(mktemp -d "${2:-${TMPDIR:-/tmp}}/keyporch-$1.XXXXXX")
  trap finish EXIT
  trap 'exit 130' INT TERM
}

finish() {
  local pid
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${started[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work" "${made[@]}"
}
