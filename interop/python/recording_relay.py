"""Stands between a client and a server of HTTPS with a certificate of its own, and keeps what passes, byte for byte.

    recording_relay.py pass ADDRESS PORT SERVER-PORT CERTIFICATE KEY RECORD
    recording_relay.py again SERVER-PORT RECORD [FIRST]

`pass` prints a line when it listens. `again` sends each request of the record once more (from the one with that number on) and
prints, as a line of JSON each, what was asked, what was answered, and what is answered now.
"""

import base64
import json
import socket
import ssl
import sys
import threading

SERVER = "login.corp.example"

anything = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
anything.check_hostname = False
anything.verify_mode = ssl.CERT_NONE


def read_message(stream, is_answer=False):
    """A message of HTTP/1.1 as it came, head and body; nothing at the end of the connection."""
    raw = b""
    while not raw.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return b""
        raw += line
    head = raw.decode("latin-1").split("\r\n")
    named = dict(line.lower().split(":", 1) for line in head[1:] if ":" in line)
    status = head[0].split()[1] if is_answer else ""
    if named.get("transfer-encoding", "").strip() == "chunked":
        while True:
            size = stream.readline()
            raw += size
            length = int(size.split(b";")[0], 16)
            raw += stream.read(length + 2)
            if length == 0:
                return raw
    if status in ("204", "304"):
        return raw
    if "content-length" in named:
        return raw + stream.read(int(named["content-length"]))
    return raw + stream.read() if is_answer else raw


def ask(port, request):
    plain = socket.create_connection(("127.0.0.1", port))
    with anything.wrap_socket(plain, server_hostname=SERVER) as server:
        server.sendall(request)
        return read_message(server.makefile("rb"), is_answer=True)


def pass_on(address, port, server_port, certificate, key, record):
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(certificate, key)
    record, writing = open(record, "w"), threading.Lock()

    def serve(client):
        try:
            with shown.wrap_socket(client, server_side=True) as inner:
                stream = inner.makefile("rb")
                while request := read_message(stream):
                    answer = ask(server_port, request)
                    kept = {"request": request, "answer": answer}
                    kept = {name: base64.b64encode(raw).decode() for name, raw in kept.items()}
                    with writing:
                        record.write(json.dumps(kept) + "\n")
                        record.flush()
                    inner.sendall(answer)
        except OSError:
            client.close()

    with socket.create_server((address, port)) as listener:
        print("listens", flush=True)
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


def parts(raw):
    head, body = raw.decode("latin-1").split("\r\n\r\n", 1)
    first, _, headers = head.partition("\r\n")
    return first, headers, body


def again(server_port, record, first):
    for number, line in enumerate(open(record)):
        if number < first:
            continue
        kept = {name: base64.b64decode(raw) for name, raw in json.loads(line).items()}
        asked, _, body = parts(kept["request"])
        method, target, _ = asked.split(" ")
        answered, headers, answer = parts(kept["answer"])
        now, now_headers, now_answer = parts(ask(server_port, kept["request"]))
        print(
            json.dumps(
                {
                    "number": number,
                    "method": method,
                    "target": target,
                    "body": body,
                    "first": {"status": int(answered.split()[1]), "head": headers, "body": answer},
                    "again": {"status": int(now.split()[1]), "head": now_headers, "body": now_answer},
                }
            )
        )


if sys.argv[1] == "pass":
    address, port, server_port, *files = sys.argv[2:]
    pass_on(address, int(port), int(server_port), *files)
else:
    again(int(sys.argv[2]), sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else 0)
