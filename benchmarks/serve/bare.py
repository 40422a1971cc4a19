"""The least a Flask route on the same server can do: what the API's routes are measured against."""

from flask import Flask, Response, jsonify, request

app = Flask("bare", static_folder=None)


@app.get("/state")
def state() -> Response:
    return jsonify({"status": "ok"})


@app.post("/echo")
def echo() -> Response:
    return jsonify({"fields": len(request.get_json())})
