"""Stands between a client and a server of TLS with a certificate of its own: tls_relay.py PORT SERVER-PORT CERTIFICATE KEY"""

import select
import socket
import ssl
import sys
import threading

port, upstream, certificate, key = sys.argv[1:]
shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
shown.load_cert_chain(certificate, key)
anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
anything.check_hostname = False
anything.verify_mode = ssl.CERT_NONE


def carry(one, other):
    """Passes on what comes from either side until one ends. One thread does both: a TLS connection is none that two can use."""
    for side in (one, other):
        side.setblocking(False)
    while True:
        if not (one.pending() or other.pending()):
            select.select([one, other], [], [])
        for source, sink in ((one, other), (other, one)):
            try:
                while True:
                    piece = source.recv(65536)
                    if not piece:
                        return
                    sink.setblocking(True)
                    sink.sendall(piece)
                    sink.setblocking(False)
            except ssl.SSLWantReadError:
                continue
            except OSError:
                return


def pass_on(client):
    try:
        inner = shown.wrap_socket(client, server_side=True)
        outer = anything.wrap_socket(socket.create_connection(("127.0.0.1", int(upstream))))
    except OSError:
        client.close()
        return
    carry(inner, outer)
    for end in (inner, outer):
        end.close()


with socket.create_server(("127.0.0.1", int(port))) as listener:
    while True:
        threading.Thread(target=pass_on, args=(listener.accept()[0],), daemon=True).start()
