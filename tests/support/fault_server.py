"""Misbehave over HTTP as a test's script says; a process of its own, on raw sockets.

PUT /<name> sets a script (tests/support/scripts.py), GET /<name> returns the requests that it got, and each POST under
/<name>/ gets an act of it. PUT /door/<kind> opens another port and returns its number. The port is printed at start.
"""

import base64
import json
import os
import select
import socket
import ssl
import struct
import threading
from contextlib import suppress
from itertools import count

from tests.support.scripts import make_script

PATIENCE_S = 20.0
PACE_S = 0.01
FLOOD_BYTES = 256 * 2**20

NO_CONTENT = 204

scripts = {}
doors = []  # sockets that must not be collected
connections = count()


def main():
    server = socket.create_server(("127.0.0.1", 0), backlog=128)
    print(server.getsockname()[1], flush=True)  # noqa: T201
    welcome(server, serve)


def welcome(server, handle_connection):
    while True:
        connection, _ = server.accept()
        connection.settimeout(PATIENCE_S)
        threading.Thread(target=attend, args=(connection, handle_connection), daemon=True).start()


def attend(connection, handle_connection):
    with connection, suppress(OSError):
        handle_connection(connection)


def serve(connection):
    number = next(connections)
    with connection.makefile("rb") as stream:
        while (request := read_request(stream, number)) and handle(connection, request):
            pass


def read_request(stream, number):
    line = stream.readline().decode("latin-1").split()
    if not line:
        return None
    headers = {}
    while header := stream.readline().decode("latin-1").strip():
        name, _, value = header.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0))).decode()
    return {"method": line[0], "path": line[1], "headers": headers, "body": body, "connection": number}


def handle(connection, request):
    """Return whether the connection lives on."""
    name = request["path"].split("/")[1]
    if request["path"].startswith("/door/"):
        return answer(connection, {"body": str(open_door(request["path"].split("/")[2], request["body"]))})
    if request["method"] == "PUT":
        scripts[name] = make_script(json.loads(request["body"]))
        return answer(connection, {})
    if request["method"] == "GET":
        return answer(connection, {"body": json.dumps(scripts[name].seen)})
    act = with_key(scripts[name].next_act(request), request)
    return ACTS[act.get("act", "answer")](connection, act)


def with_key(act, request):
    """Put the key that came with the request where the act says {key}: some providers quote it."""
    key = request["headers"].get("authorization", "").removeprefix("Bearer ")
    return json.loads(json.dumps(act).replace("{key}", key))


def answer(connection, act):
    """Send status, headers and body; `cut` leaves that many bytes out, `unframed` the length, `chunked` frames.

    `first` goes before all that, and `after` behind it.
    """
    body = base64.b64decode(act["base64"]) if "base64" in act else act.get("body", "").encode()
    lines = [
        f"{act.get('first', '')}HTTP/1.1 {act.get('status', 200)} X",
        *(f"{name}: {value}" for name, value in act.get("headers", {}).items()),
    ]
    if act.get("chunked"):
        lines.append("transfer-encoding: chunked")
        body = act["chunked"].encode()
    elif not act.get("unframed"):
        lines.append(f"content-length: {len(body)}")
    whole = "\r\n".join([*lines, "", ""]).encode() + body[: len(body) - act.get("cut", 0)]
    connection.sendall(whole + act.get("after", "").encode())
    if act.get("status") == NO_CONTENT:
        return True  # complete without a length: the client keeps the connection, and so must the server
    return not (act.get("cut") or act.get("unframed") or act.get("chunked"))


def reset(connection, act=None):
    """Send what there is to send, then break the connection off."""
    connection.sendall((act or {}).get("raw", "").encode())
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def hang_up(connection, act=None):
    return False


def stall(connection, act=None):
    """Send what there is to send, then nothing until the client goes."""
    connection.sendall((act or {}).get("raw", "").encode())
    select.select([connection], [], [], PATIENCE_S)
    return False


def raw(connection, act):
    connection.sendall(act["raw"].encode())
    return False


def trickle(connection, act):
    """Send what there is to send, then a byte at a time, without end."""
    connection.sendall(act["raw"].encode())
    for _ in range(int(PATIENCE_S / PACE_S)):
        connection.sendall(act.get("drop", " ").encode())
        if select.select([connection], [], [], PACE_S)[0]:
            break
    return False


def flood(connection, act):
    """Send what there is to send, then the same again and again as fast as it is taken."""
    connection.sendall(act.get("raw", "").encode())
    wave = act["drop"].encode() * (1 + 2**16 // len(act["drop"]))
    for _ in range(FLOOD_BYTES // len(wave)):
        connection.sendall(wave)
    return False


def scribble(connection, act):
    """Send what there is to send, then what is no TLS."""
    connection.sendall(act["raw"].encode())
    os.write(connection.fileno(), b"\x17\x03\x03\x00\x20" + bytes(32))
    return False


ACTS = {
    "answer": answer,
    "flood": flood,
    "hang_up": hang_up,
    "raw": raw,
    "reset": reset,
    "scribble": scribble,
    "stall": stall,
    "trickle": trickle,
}


def open_door(kind, body):
    """Return the port of a new door; `tls` serves behind the certificate whose path is the body."""
    door = socket.create_server(("127.0.0.1", 0), backlog=0 if kind == "full" else 128)
    doors.append(door)
    if kind == "full":
        fill(door)
    elif kind == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(body)
        threading.Thread(target=welcome, args=(door, behind(context)), daemon=True).start()
    else:
        threading.Thread(target=welcome, args=(door, GREETINGS[kind]), daemon=True).start()
    return door.getsockname()[1]


def fill(door):
    """Connect until nobody else can: the door is never opened to those who wait."""
    for _ in range(4):
        waiting = socket.socket()
        waiting.settimeout(0)
        waiting.connect_ex(door.getsockname())
        doors.append(waiting)


def behind(context):
    def serve_behind(connection):
        with context.wrap_socket(connection, server_side=True) as wrapped:
            serve(wrapped)

    return serve_behind


def drip(connection):
    """Begin a handshake, and go on with it a byte at a time."""
    connection.recv(2**16)
    trickle(connection, {"raw": "\x16\x03\x03", "drop": "\x01"})


def cut_the_handshake(connection):
    connection.recv(2**16)


def break_the_handshake(connection):
    connection.recv(10)
    reset(connection)


def be_deaf(_):
    """Neither read nor write."""
    threading.Event().wait(PATIENCE_S)


def speak_plainly(connection):
    connection.recv(2**16)
    raw(connection, {"raw": "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"})


# What meets the client behind a door of each kind.
GREETINGS = {
    "cutting": cut_the_handshake,
    "deaf": be_deaf,
    "dripping": drip,
    "plain": speak_plainly,
    "resetting": break_the_handshake,
}

if __name__ == "__main__":
    main()
