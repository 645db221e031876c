#!/bin/bash
# Debian's MIT krb5 as the benchmark's peer, in a folder of its own.
#   mit.sh setup DIR PORT CA USERS   makes its database; CA is the folder of ca.sh
#   mit.sh serve DIR                 becomes the KDC, in the foreground
set -eu
command=$1 folder=$2
export KRB5_CONFIG=$folder/krb5.conf KRB5_KDC_PROFILE=$folder/kdc.conf
PATH=$PATH:/usr/sbin
here=$(cd "$(dirname "$0")" && pwd)
case $command in
setup)
  port=$3 ca=$4 users=$5
  mkdir -p "$folder"
  cat > "$folder/krb5.conf" <<END
[libdefaults]
 default_realm = BENCH.TEST
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
[realms]
 BENCH.TEST = {
  kdc = 127.0.0.1:$port
  pkinit_anchors = FILE:$ca/root.pem
 }
[dbmodules]
 DB = {
  db_library = db2
  database_name = $folder/principal
  disable_last_success = true
  disable_lockout = true
 }
END
  cat > "$folder/kdc.conf" <<END
[kdcdefaults]
 kdc_listen = 127.0.0.1:$port
 kdc_tcp_listen = 127.0.0.1:$port
 kdc_max_dgram_reply_size = 65000
[realms]
 BENCH.TEST = {
  database_module = DB
  key_stash_file = $folder/stash
  max_life = 10h
  max_renewable_life = 7d
  supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal
  master_key_type = aes256-cts-hmac-sha1-96
  pkinit_identity = FILE:$ca/kdc.pem,$ca/kdc.key
  pkinit_anchors = FILE:$ca/root.pem
  pkinit_eku_checking = kpClientAuth
 }
[logging]
 kdc = FILE:$folder/kdc.log
END
  kdb5_util create -s -r BENCH.TEST -P "$(openssl rand -hex 16)"
  kadmin.local <<'END'
addprinc -pw Bench-Passw0rd +requires_preauth user0
addprinc -randkey host/svc.bench.test
END
  kdb5_util dump "$folder/dump"
  # Everybody is a copy of user0, so everybody answers to user0's key.
  python3 "$here/grow.py" "$folder/dump" "$users" > "$folder/grown"
  kdb5_util load "$folder/grown"
  ;;
serve)
  exec krb5kdc -n
  ;;
*)
  echo "mit.sh setup|serve" >&2
  exit 2
  ;;
esac
