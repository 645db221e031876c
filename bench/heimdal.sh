#!/bin/bash
# Debian's Heimdal KDC, unpacked beside MIT's (`cargo xtask bench kdc` does it), as another peer, in a folder of its own.
#   heimdal.sh setup ROOT DIR PORT CA USERS   makes its database; ROOT is where it is unpacked, CA the folder of ca.sh
#   heimdal.sh serve ROOT DIR                 becomes the KDC, in the foreground
set -eu
command=$1 root=$2 folder=$3
export KRB5_CONFIG=$folder/krb5.conf
libraries=$(echo "$root"/usr/lib/*-linux-gnu)
export LD_LIBRARY_PATH=$libraries:$libraries/heimdal
administer() { "$root/usr/bin/kadmin.heimdal" --local; }
case $command in
setup)
  port=$4 ca=$5 users=$6
  mkdir -p "$folder"
  cat > "$folder/krb5.conf" <<END
[libdefaults]
 default_realm = BENCH.TEST
 dns_lookup_kdc = false
 dns_lookup_realm = false
[kdc]
 database = {
  realm = BENCH.TEST
  dbname = $folder/heimdal
  mkey_file = $folder/m-key
  log_file = $folder/log
 }
 addresses = 127.0.0.1
 ports = $port
 max-kdc-datagram-reply-length = 65000
 enable-http = no
 enable-pkinit = yes
 pkinit_identity = FILE:$ca/kdc.pem,$ca/kdc.key
 pkinit_anchors = FILE:$ca/root.pem
 pkinit_principal_in_certificate = yes
[logging]
 kdc = FILE:$folder/kdc.log
END
  "$root/usr/sbin/kstash" --random-key --key-file="$folder/m-key"
  administer <<END
init --realm-max-ticket-life=10h --realm-max-renewable-life=7d BENCH.TEST
add --use-defaults --password=Bench-Passw0rd user0
add --use-defaults --random-key host/svc.bench.test
dump $folder/dump
END
  # Everybody is a copy of user0, so everybody answers to user0's key.
  awk -v users="$users" '/^user0@/ { line = $0 } { print }
    END { for (number = 1; number < users; number++) { sub(/^user[0-9]*@/, "user" number "@", line); print line } }' \
    "$folder/dump" > "$folder/grown"
  administer <<< "load $folder/grown"
  ;;
serve)
  exec "$root/usr/lib/heimdal-servers/kdc"
  ;;
*)
  echo "heimdal.sh setup|serve" >&2
  exit 2
  ;;
esac
