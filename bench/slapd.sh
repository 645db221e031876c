#!/bin/bash
# Debian's slapd as the benchmark's peer, in a folder of its own.
#   slapd.sh setup UNPACKED DIR COUNT   makes its database with COUNT people; UNPACKED is where its package was unpacked
#   slapd.sh serve UNPACKED DIR PORT    becomes the server, in the foreground
# Its database writes to the disk before it answers, as slapd does unless told otherwise, and has the indexes of what is asked.
set -eu
command=$1 unpacked=$2 folder=$3
modules=$unpacked/usr/lib/ldap
export LD_LIBRARY_PATH=$(dirname "$(find "$unpacked/usr/lib" -name 'libslapi*' -print -quit)")
case $command in
setup)
  mkdir -p "$folder/db"
  cat >"$folder/slapd.conf" <<END
modulepath $modules
moduleload back_mdb
include $unpacked/etc/ldap/schema/core.schema
include $unpacked/etc/ldap/schema/cosine.schema
include $unpacked/etc/ldap/schema/nis.schema
include $unpacked/etc/ldap/schema/inetorgperson.schema
pidfile $folder/slapd.pid
argsfile $folder/slapd.args
sizelimit unlimited
threads 8
database mdb
maxsize 8589934592
suffix dc=bench,dc=test
rootdn cn=admin,dc=bench,dc=test
rootpw admin
directory $folder/db
index objectClass,uid,cn,mail,uidNumber,gidNumber eq
END
  {
    printf 'dn: dc=bench,dc=test\nobjectClass: dcObject\nobjectClass: organization\no: Bench\ndc: bench\n\n'
    printf 'dn: ou=people,dc=bench,dc=test\nobjectClass: organizationalUnit\nou: people\n\n'
    awk -v count="$4" 'BEGIN { for (n = 0; n < count; n++) {
      name = "user" n
      printf "dn: cn=%s,ou=people,dc=bench,dc=test\nobjectClass: inetOrgPerson\nobjectClass: posixAccount\n", name
      printf "cn: %s\nuid: %s\nsn: Person %d\ngivenName: Another\ndisplayName: Another Person %d\n", name, name, n, n
      printf "mail: %s@bench.test\nuidNumber: %d\ngidNumber: 10000\nloginShell: /bin/bash\nhomeDirectory: /home/%s\n\n", name, 100000 + n, name
    } }'
  } | "$unpacked/usr/sbin/slapadd" -q -f "$folder/slapd.conf"
  ;;
serve) exec "$unpacked/usr/sbin/slapd" -d 0 -f "$folder/slapd.conf" -h "ldap://127.0.0.1:$4" ;;
*) sed -n '2,5s/^# \?//p' "$0" >&2; exit 2 ;;
esac
