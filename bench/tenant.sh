#!/usr/bin/env bash
# bench/tenant.sh [CASE [ROUNDS]]: what a tenant's answers cost beside the least that their cryptography can cost (G9), without
# sockets and disk. The cases are in src/bin/tenant.rs. The profile is `production` where KEYPORCH_PROFILE does not say another.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
profile=${KEYPORCH_PROFILE:-production}
cargo build --quiet --profile "$profile" --locked -p keyporch-bench --bin tenant
exec "target/$profile/tenant" "$@"
