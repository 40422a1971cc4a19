"""A queue for each client under uvicorn and sse-starlette, filled by POST."""

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator

from sse_starlette.sse import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

queues: defaultdict[str, set[asyncio.Queue[dict[str, str]]]] = defaultdict(set)


async def follow(request: Request) -> Response:
    """Stream what is published from now on."""
    return EventSourceResponse(_events(request.path_params["job_id"]))


async def _events(job_id: str) -> AsyncIterator[dict[str, str]]:
    queue: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    queues[job_id].add(queue)
    try:
        while True:
            yield await queue.get()
    finally:
        queues[job_id].discard(queue)


async def publish(request: Request) -> Response:
    """Hand one event to everybody who follows the job."""
    text = (await request.body()).decode()
    event = {"id": str(json.loads(text)["id"]), "event": "progress", "data": text}
    for queue in queues[request.path_params["job_id"]]:
        queue.put_nowait(event)
    return Response(status_code=204)


app = Starlette(
    routes=[
        Route("/events/{job_id}", follow),
        Route("/publish/{job_id}", publish, methods=["POST"]),
    ]
)
