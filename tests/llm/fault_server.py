"""Misbehave over HTTP as a test's script says; a process of its own, on raw sockets.

PUT /<name> with a JSON list of acts sets a script, GET /<name> returns the requests that it got, and each POST
under /<name>/ gets the next act, the last one again and again. The port is printed at start.
"""

import base64
import json
import select
import socket
import struct
import threading

PATIENCE_S = 20.0
PACE_S = 0.01

NO_CONTENT = 204


class Script:
    def __init__(self, acts):
        self.acts = acts
        self.seen = []
        self.lock = threading.Lock()

    def next_act(self, request):
        with self.lock:
            self.seen.append(request)
            return self.acts[min(len(self.seen), len(self.acts)) - 1]


def main():
    scripts = {}
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        print(server.getsockname()[1], flush=True)  # noqa: T201
        for number in range(10**9):
            connection, _ = server.accept()
            connection.settimeout(PATIENCE_S)
            threading.Thread(target=serve, args=(connection, number, scripts), daemon=True).start()


def serve(connection, number, scripts):
    stream = connection.makefile("rb")
    try:
        while (request := read_request(stream, number)) and handle(connection, request, scripts):
            pass
    except OSError:
        pass
    finally:
        stream.close()
        connection.close()


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


def handle(connection, request, scripts):
    """Return whether the connection lives on."""
    name = request["path"].split("/")[1]
    if request["method"] == "PUT":
        scripts[name] = Script(json.loads(request["body"]))
        return answer(connection, {})
    if request["method"] == "GET":
        return answer(connection, {"body": json.dumps(scripts[name].seen)})
    act = scripts[name].next_act(request)
    return ACTS[act.get("act", "answer")](connection, act)


def answer(connection, act):
    """Send status, headers and body; `cut` leaves that many bytes out, `unframed` the length, `chunked` frames."""
    body = base64.b64decode(act["base64"]) if "base64" in act else act.get("body", "").encode()
    lines = [
        f"HTTP/1.1 {act.get('status', 200)} X",
        *(f"{name}: {value}" for name, value in act.get("headers", {}).items()),
    ]
    if act.get("chunked"):
        lines.append("transfer-encoding: chunked")
        body = act["chunked"].encode()
    elif not act.get("unframed"):
        lines.append(f"content-length: {len(body)}")
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + body[: len(body) - act.get("cut", 0)])
    if act.get("status") == NO_CONTENT:
        return True  # complete without a length: the client keeps the connection, and so must the server
    return not (act.get("cut") or act.get("unframed") or act.get("chunked"))


def reset(connection, act):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def hang_up(connection, act):
    return False


def stall(connection, act):
    """Send what there is to send, then nothing until the client goes."""
    connection.sendall(act.get("raw", "").encode())
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


ACTS = {"answer": answer, "reset": reset, "hang_up": hang_up, "stall": stall, "raw": raw, "trickle": trickle}

if __name__ == "__main__":
    main()
