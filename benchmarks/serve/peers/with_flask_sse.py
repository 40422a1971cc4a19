"""flask-sse under gunicorn and gevent, with Redis in between; filled by POST."""

import json

from flask import Flask, Response, request
from flask_sse import sse

app = Flask("peer")
app.config.from_prefixed_env()  # FLASK_REDIS_URL
app.register_blueprint(sse, url_prefix="/events")


@app.post("/publish/<job_id>")
def publish(job_id: str) -> Response:
    """Hand one event to Redis."""
    text = request.get_data(as_text=True)
    sse.publish(text, type="progress", id=str(json.loads(text)["id"]), channel=job_id)
    return Response(status=204)
