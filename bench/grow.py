#!/usr/bin/env python3
"""grow.py DUMP COUNT: copies user0's record of a dump of MIT's database to user1, user2 and so on."""

import sys

REALM = "BENCH.TEST"


def main(dump, count):
    user = None
    for line in open(dump):
        fields = line.rstrip("\n").split("\t")
        if fields[0] == "princ" and fields[6] == f"user0@{REALM}":
            user = fields
        sys.stdout.write(line)
    for number in range(1, count):
        name = f"user{number}@{REALM}"
        print("\t".join([user[0], user[1], str(len(name)), *user[3:6], name, *user[7:]]))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
