"""Signs in to the directory by ldap3 with the ticket that there is: tickets.py URL ROOTS BINDINGS; prints JSON.

BINDINGS: `own` says on which TLS connection it is, as ldap3 does by itself; `none` says nothing; `others` says another one.
It runs by Debian's python3 with Debian's ldap3 and gssapi.
"""

import json
import ssl
import sys

import ldap3
from gssapi.exceptions import GSSError
from gssapi.raw import ChannelBindings
from ldap3.core.exceptions import LDAPException
from ldap3.protocol.sasl import kerberos

url, roots, bindings = sys.argv[1:]
if bindings == "none":
    kerberos.get_channel_bindings = lambda socket: None
elif bindings == "others":
    kerberos.get_channel_bindings = lambda socket: ChannelBindings(application_data=b"tls-server-end-point:" + bytes(32))

# What the server says is kept: what ldap3 does behind a refusal has an answer, too.
said = []
negotiate = kerberos.send_sasl_negotiation


def negotiated(*arguments):
    result = negotiate(*arguments)
    said.append(result["message"])
    return result


kerberos.send_sasl_negotiation = negotiated

tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=roots)
server = ldap3.Server(url, use_ssl=True, tls=tls, connect_timeout=30)
connection = ldap3.Connection(server, authentication=ldap3.SASL, sasl_mechanism=ldap3.KERBEROS, receive_timeout=30)
try:
    bound = connection.bind()
    who = connection.extend.standard.who_am_i() if bound else None
except (GSSError, LDAPException) as error:
    bound, who = False, None
    said.append(repr(error))
print(json.dumps({"bound": bound, "said": said, "who": who}))
