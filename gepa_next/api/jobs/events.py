"""The event stream of a job."""

import re
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from functools import partial
from math import ceil

from flask import Blueprint, Response, jsonify, request

from gepa_next.api.edge.auth import needs, opens_streams, token, token_id
from gepa_next.api.edge.identity import STREAM_TOKEN_S, issue_stream_token
from gepa_next.api.edge.paging import refuse_unknown
from gepa_next.api.edge.wiring import Wiring, wiring
from gepa_next.api.jobs.states import StreamTokenState, job_url
from gepa_next.errors import UnavailableError
from gepa_next.models import Job
from gepa_next.store.jobs import get_job
from gepa_next.streaming.stream import stream
from gepa_next.streaming.subscription import Holder, Subscription, subscription_for
from gepa_next.tokens.lines import Token

bp = Blueprint("events", __name__, url_prefix="/v1/optimize")

HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
# ASCII digits only: str.isdigit is true of characters that int refuses. Any number of them: past the end is past it.
_DIGITS = re.compile(r"[0-9]{1,100}")


@bp.get("/<job_id>/events")
@opens_streams
def follow(job_id: str) -> Response:
    """Stream the job's events after the last one the client has; 204 when there will be no more."""
    refuse_unknown("last_event_id", "stream_token")
    parts = wiring()
    job = get_job(parts.database, job_id, token_id=token_id())
    after = _last_event_id(job)
    # One row says both, the status and the last id: a resumed job never looks as if it had ended.
    if after and job.status.terminal and after >= job.last_event_id:
        return Response(status=204)
    frames = iter(()) if request.method == "HEAD" else _open(parts, job_id, after=after)
    return Response(frames, content_type="text/event-stream; charset=utf-8", headers=HEADERS)


@bp.post("/<job_id>/stream-token")
@needs("read")
@opens_streams
def stream_token(job_id: str) -> Response:
    """Return a token that opens the event stream of this job, and nothing else, for a while."""
    refuse_unknown()
    job = get_job(wiring().database, job_id, token_id=token_id())
    until = ceil(time.time()) + STREAM_TOKEN_S
    issued = issue_stream_token(job.id, until=until)
    url = f"{job_url(job.id)}/events?stream_token={issued}"
    return jsonify(StreamTokenState(stream_token=issued, expires_at=until, url=url).model_dump())


def _open(parts: Wiring, job_id: str, *, after: int) -> Iterator[bytes]:
    """Return the frames of a stream that has a place; UnavailableError if there is none."""
    asked_with = token()
    holder = Holder(asked_with.owner, asked_with.digest if parts.access.required else "")
    subscription = subscription_for(request.environ, job_id, holder)
    _take_place(parts, subscription)
    frames = stream(parts.database, parts.tailer, parts.stream, subscription, after=after)
    return parts.places.keep(subscription, _while_good(frames, asked_with))


def _take_place(parts: Wiring, subscription: Subscription) -> None:
    """Take a place for the stream, one of a client that has gone if need be; UnavailableError if there is none."""
    take = partial(parts.places.take, subscription, most_of_owner=parts.most_streams_of(token()))
    try:
        take()
    except UnavailableError:
        parts.tailer.cut(parts.places.free_the_gone())
        take()


def _while_good(frames: Generator[bytes, None, None], asked_with: Token) -> Generator[bytes, None, None]:
    """Return the frames for as long as the token is good; the tailer looks for what it sends past them."""
    access = wiring().access

    def checked() -> Generator[bytes, None, None]:
        with closing(frames):
            for each in frames:
                if not access.tokens.lets(asked_with.digest, owner=asked_with.owner, scope="read"):
                    return
                yield each

    return checked() if access.required else frames


def _last_event_id(job: Job) -> int:
    """Return the id to go on after. The header beats the query; what is not an id of this job means the whole history.

    Past the end of a terminal job stays past it: an EventSource must be told to stop.
    """
    text = request.headers.get("Last-Event-ID", request.args.get("last_event_id", ""))
    if not _DIGITS.fullmatch(text):
        return 0
    after = int(text)
    return after if after <= job.last_event_id or job.status.terminal else 0
