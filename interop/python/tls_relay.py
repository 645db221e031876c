"""Stands between a client and a server of TLS with a certificate of its own: tls_relay.py PORT SERVER-PORT CERTIFICATE KEY"""

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


def carry(source, sink):
    try:
        while piece := source.recv(65536):
            sink.sendall(piece)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def pass_on(client):
    try:
        inner = shown.wrap_socket(client, server_side=True)
        outer = anything.wrap_socket(socket.create_connection(("127.0.0.1", int(upstream))))
    except OSError:
        client.close()
        return
    threading.Thread(target=carry, args=(inner, outer), daemon=True).start()
    carry(outer, inner)


with socket.create_server(("127.0.0.1", int(port))) as listener:
    while True:
        threading.Thread(target=pass_on, args=(listener.accept()[0],), daemon=True).start()
