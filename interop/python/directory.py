"""Asks the directory by ldap3: directory.py STEP URL ROOTS [ARGUMENTS]; prints JSON, a line for each thing that was asked.

Steps:
  schema NAME PASSWORD     what the server and its schema say of themselves
  pages NAME PASSWORD BASE FILTER SIZE
  ntlm NAME PASSWORD       tries NTLM
  write NAME PASSWORD PERSON SHELL
  external CERTIFICATE KEY BASE    looks at the base, waits for a line on standard input, and looks again
"""

import itertools
import json
import ssl
import sys

import ldap3
from ldap3.core.exceptions import LDAPException

step, url, roots, *rest = sys.argv[1:]


def server(**more):
    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=roots, **more)
    return ldap3.Server(url, use_ssl=True, tls=tls, get_info=ldap3.ALL, connect_timeout=30)


def by_password(name, password, **more):
    return ldap3.Connection(server(), name, password, receive_timeout=30, raise_exceptions=False, **more)


def tell(**what):
    print(json.dumps(what, default=str), flush=True)


def signed_in(connection):
    # What the server says of itself is asked before, and its schema behind.
    done = connection.bind()
    return done, connection.result["description"]


def schema(name, password):
    connection = by_password(name, password)
    done, said = signed_in(connection)
    if not done:
        return tell(bound=done, said=said)
    info, known = connection.server.info, connection.server.schema
    tell(
        bound=done,
        said=said,
        contexts=info.naming_contexts,
        controls=[control[0] for control in info.supported_controls],
        mechanisms=info.supported_sasl_mechanisms,
        schema=info.schema_entry,
        attributes=len(known.attribute_types),
        classes=len(known.object_classes),
        user_may=sorted(known.object_classes["user"].may_contain),
        user_superior=known.object_classes["user"].superior,
        key_single=known.attribute_types["msDS-KeyCredentialLink"].single_value,
        key_syntax=known.attribute_types["msDS-KeyCredentialLink"].syntax,
        who=connection.extend.standard.who_am_i(),
    )


def pages(name, password, base, wanted, size):
    connection = by_password(name, password)
    done, said = signed_in(connection)
    found = connection.extend.standard.paged_search(
        base, wanted, attributes=["cn", "objectGUID", "whenCreated", "uSNChanged"], paged_size=int(size), generator=False
    )
    entries = [entry for entry in found if entry["type"] == "searchResEntry"]
    tell(
        bound=done,
        said=said,
        names=sorted(entry["dn"] for entry in entries),
        # ldap3 reads values by the schema's syntaxes.
        guids=all(str(entry["attributes"]["objectGUID"]).startswith("{") for entry in entries),
        times=all(hasattr(entry["attributes"]["whenCreated"], "year") for entry in entries),
        numbers=all(isinstance(entry["attributes"]["uSNChanged"], int) for entry in entries),
    )


def ntlm(name, password):
    connection = by_password(name, password, authentication=ldap3.NTLM)
    try:
        done, said = signed_in(connection)
    except LDAPException as error:
        done, said = False, str(error)
    tell(bound=done, said=said)


def write(name, password, person, shell):
    connection = by_password(name, password)
    done, said = signed_in(connection)
    changed = connection.modify(person, {"loginShell": [(ldap3.MODIFY_REPLACE, [shell])]})
    tell(bound=done, said=said, changed=changed, result=connection.result["description"])


def external(certificate, key, base):
    connection = ldap3.Connection(
        server(local_certificate_file=certificate, local_private_key_file=key),
        authentication=ldap3.SASL,
        sasl_mechanism=ldap3.EXTERNAL,
        receive_timeout=30,
    )
    done, said = signed_in(connection)
    for _ in itertools.chain([""], sys.stdin):
        connection.search(base, "(objectClass=*)", ldap3.BASE, attributes=["cn"])
        tell(bound=done, said=said, found=len(connection.entries), result=connection.result["description"])


globals()[step](*rest)
