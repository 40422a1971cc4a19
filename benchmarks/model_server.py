"""A process that answers chat completions after so many seconds, each question always alike; it prints its port.

One thread and no HTTP library: it must cost less than what it measures.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from zlib import crc32

BACKLOG = 1024
BEST = 60  # of 90 numbers: no prompt answers all, so that a job goes on until its budget is used


def answer_text(body: Any) -> str:  # Any: decoded JSON
    """Answer numbers as far as the prompt counts, and propose prompts that count to somewhere else."""
    said = body["messages"][-1]["content"]
    if "response_format" in body:
        pluses = "+" * (crc32(said.encode()) % BEST)
        return json.dumps({"lesson": f"{len(pluses)} pluses", "prompt": f"Answer. {pluses}", "addition": "+ +"})
    number = "".join(filter(str.isdigit, said)) or "0"
    return number if int(number) < body["messages"][0]["content"].count("+") else "?"


@contextmanager
def model_served(latency_s: float) -> Iterator[str]:
    """Yield the base URL of a server that answers after so long; it ends with the block."""
    command = [sys.executable, "-m", "benchmarks.model_server", str(latency_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = process.stdout.readline() if process.stdout else ""
            yield f"http://127.0.0.1:{int(port)}/v1"
        finally:
            process.kill()


async def serve(latency_s: float) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                body = await reader.readexactly(_length(head))
                if latency_s:
                    await asyncio.sleep(latency_s)
                writer.write(_answer(json.loads(body)))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=BACKLOG)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))


def _answer(body: Any) -> bytes:  # Any: as above
    choice = {"message": {"role": "assistant", "content": answer_text(body)}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 40, "completion_tokens": 1, "cost": 0.0}
    text = json.dumps({"choices": [choice], "usage": usage}).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(text)
    return head + text


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1])))
