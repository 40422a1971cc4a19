"""Every fault as a server really commits it, each under the row of the table that it must end in."""

import base64
import gzip
import json
from dataclasses import dataclass, replace

from llm_stage import Act, answered, failed, question

from gepa_next.gepa.replies import JudgeReply, PromptReply
from gepa_next.gepa.types import ModelCall, Role
from gepa_next.llm import faults
from gepa_next.llm.failure import Fault

HEADERS = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"
CHUNKED = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
MOVED = "HTTP/1.1 307 X\r\nlocation: /elsewhere\r\ncontent-length: 100000\r\n\r\n"
GZIP = {"content-encoding": "gzip"}
REDIRECTED = {"status": 307, "headers": {**GZIP, "location": "/elsewhere"}}

# A prompt that has in it what providers say, and the words that they could not say it with.
DANGEROUS = """Say whether the message exceeds the rate limit or the context window,
or speaks of "moderation" and an unsupported temperature."""
TARGET = question(system=DANGEROUS, text="Moderation?")
JUDGING = question(Role.JUDGE, reply_type=JudgeReply)
COLD = replace(JUDGING, temperature=0.0)
REFLECTING = question(Role.REFLECTOR, reply_type=PromptReply, max_tokens=100)
LONG = replace(REFLECTING, max_tokens=4096)
UNREADABLE = failed(400, {"message": "Failed to generate JSON.", "code": "json_validate_failed"})
VERDICT = '{"feedback": "right", "score": 7}'
PROPOSAL = '{"lesson": "a", "prompt": "b"}'
TOO_MANY_TOKENS = {
    "OpenAI": "max_tokens is too large: 4096. This model supports at most 2048 completion tokens, whereas you provided"
    " 4096.",
    "Anthropic": "max_tokens: 4096 > 2048, which is the maximum allowed number of output tokens for acme/small-3",
    "Qwen": "<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [1, 2,048]",
    "Groq": "`max_tokens` must be less than or equal to `2048`, the maximum value for `max_tokens`",
    "nobody": "max_tokens is too large",
}
# 500 tokens of input and 4096 of answer, which do not both fit into 4096.
NO_ROOM = {
    "vLLM": "'max_tokens' or 'max_completion_tokens' is too large: 4096. This model's maximum context length is 4096"
    " tokens and your request has 500 input tokens (4096 > 4096 - 500).",
    "OpenAI": "This model's maximum context length is 4096 tokens. However, you requested 4596 tokens (500 in the"
    " messages, 4096 in the completion). Please reduce the length of the messages or completion.",
    "TGI": "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 500 `inputs` tokens and 4096 `max_new_tokens`",
}
PONDERING = {
    "in its reasoning": answered("<think>hm", finish_reason="length"),
    "before its first word": answered("", finish_reason="length"),
    "in reasoning that it keeps": answered(None, finish_reason="length", reasoning="hm"),
}


def packed(data: bytes) -> Act:
    return {"headers": GZIP, "base64": base64.b64encode(data).decode()}


def in_200(error: object) -> Act:
    return {"body": json.dumps({"error": error})}


def sent(raw: str) -> Act:
    return {"act": "raw", "raw": raw}


def flood(raw: str, drop: str) -> Act:
    return {"act": "flood", "raw": raw, "drop": drop}


def trickle(raw: str, drop: str) -> Act:
    return {"act": "trickle", "raw": raw, "drop": drop}


def stall(raw: str = "") -> Act:
    return {"act": "stall", "raw": raw}


@dataclass(frozen=True)
class Case:
    """A fault that ends the call: what the server does each time, and how often it is asked."""

    name: str
    act: Act
    fault: Fault
    sends: int
    timeout_s: float = 10.0
    stall_s: float = 10.0
    ask: ModelCall = TARGET


CASES = (
    Case("reset before a byte", {"act": "reset"}, faults.RESET, 5),
    Case("reset in the headers", {"act": "reset", "raw": "HTTP/1.1 200 OK\r\nx: "}, faults.CUT_SHORT, 4),
    Case("hung up before a byte", {"act": "hang_up"}, faults.RESET, 5),
    Case("stall after the headers", stall(HEADERS), faults.STALLED, 4, stall_s=0.05),
    Case("stall in the body", stall(HEADERS + "{"), faults.STALLED, 4, stall_s=0.05),
    Case("stall before the headers", stall(), faults.DEADLINE, 3, timeout_s=0.1),
    Case("stall in the headers", stall("HTTP/1.1 200 OK\r\nx: "), faults.DEADLINE, 3, timeout_s=0.1),
    Case("stall after a 100", stall("HTTP/1.1 100 Continue\r\n\r\n"), faults.DEADLINE, 3, timeout_s=0.1),
    Case("trickled body", trickle(HEADERS, " "), faults.DEADLINE, 3, timeout_s=0.1),
    Case("trickled status line", trickle("HTTP/1.1 200 ", "O"), faults.DEADLINE, 3, timeout_s=0.1),
    Case("trickled headers", trickle("HTTP/1.1 200 OK\r\nx: ", "a"), faults.DEADLINE, 3, timeout_s=0.1),
    Case("trickled chunk size", trickle(CHUNKED, "0"), faults.DEADLINE, 3, timeout_s=0.1),
    Case("trickled 100s", trickle("", "HTTP/1.1 100 Continue\r\n\r\n"), faults.DEADLINE, 3, timeout_s=0.1),
    Case("a flood of tiny chunks", flood(CHUNKED, "2\r\naa\r\n"), faults.DEADLINE, 3, timeout_s=0.1),
    Case("shorter than announced", answered() | {"cut": 9}, faults.CUT_SHORT, 4),
    Case("hung up after the headers", sent(HEADERS), faults.CUT_SHORT, 4),
    Case("reset in the body", {"act": "reset", "raw": HEADERS + "{"}, faults.CUT_SHORT, 4),
    Case("cut without a length", answered() | {"cut": 9, "unframed": True}, faults.CUT_SHORT, 4),
    Case("bad chunk", {"chunked": "zz\r\n{}\r\n0\r\n\r\n"}, faults.CUT_SHORT, 4),
    Case("negative chunk", {"chunked": "-2\r\n{}\r\n0\r\n\r\n"}, faults.CUT_SHORT, 4),
    Case("endless chunk size", flood(CHUNKED, "4;aaaa"), faults.CUT_SHORT, 4),
    Case("missing last chunk", {"chunked": "2\r\n{}\r\n"}, faults.CUT_SHORT, 4),
    Case("bad gzip", packed(b"not gzip"), faults.CUT_SHORT, 4),
    Case("cut gzip", packed(gzip.compress(b'{"choices": []}' * 9)[:-12]), faults.CUT_SHORT, 4),
    Case("gzip with a wrong sum", packed(gzip.compress(b'{"choices": []}')[:-8] + bytes(8)), faults.CUT_SHORT, 4),
    Case("gzip with a cut part", packed(gzip.compress(b"{") + gzip.compress(b"}")[:-3]), faults.CUT_SHORT, 4),
    Case("gzip with more behind it", packed(gzip.compress(b"{}") + b"{}"), faults.CUT_SHORT, 4),
    Case("gzip of parts without end", packed(gzip.compress(b"") * 201), faults.TOO_LARGE, 1),
    Case("two gzip bombs", packed(gzip.compress(bytes(5 * 2**20)) * 2), faults.TOO_LARGE, 1),
    Case("an unasked-for encoding", {"headers": {"content-encoding": "br"}, "body": "{}"}, faults.CUT_SHORT, 4),
    Case("gzip bomb", packed(gzip.compress(bytes(9 * 2**20))), faults.TOO_LARGE, 1),
    Case("endless body", {"body": " " * (9 * 2**20)}, faults.TOO_LARGE, 1),
    Case("a flood without a length", flood("HTTP/1.1 200 OK\r\n\r\n", " "), faults.TOO_LARGE, 1),
    Case("a flood of trailers", flood(CHUNKED + "0\r\n", f"x: {'a' * 60_000}\r\n"), faults.TOO_LARGE, 1),
    Case("html", {"body": "<html>sign in</html>"}, faults.MALFORMED, 3),
    Case("empty body", {"body": ""}, faults.MALFORMED, 3),
    Case("hung up in the headers", sent("HTTP/1.1 200 OK\r\nx: "), faults.MALFORMED, 3),
    Case("null", {"body": "null"}, faults.MALFORMED, 3),
    Case("NaN", {"body": "NaN"}, faults.MALFORMED, 3),
    Case("204", {"status": 204, "unframed": True}, faults.MALFORMED, 3),
    Case("list", {"body": "[1]"}, faults.MALFORMED, 3),
    Case("100,000 deep", {"body": '{"a":' * 100_000 + "1" + "}" * 100_000}, faults.MALFORMED, 3),
    Case("100,000 lists deep", {"body": "[" * 100_000}, faults.MALFORMED, 3),
    Case("a 5,000-digit number", {"body": '{"choices":' + "9" * 5000 + "}"}, faults.MALFORMED, 3),
    Case("not UTF-8", packed(gzip.compress(b'{"choices":"\xff"}')), faults.MALFORMED, 3),
    Case("events", {"body": 'data: {"choices":[]}\n\ndata: [DONE]\n\n'}, faults.MALFORMED, 3),
    Case("no choices", {"body": '{"choices":[]}'}, faults.MALFORMED, 3),
    Case("no message", {"body": '{"choices":[{}]}'}, faults.MALFORMED, 3),
    Case("no HTTP", sent("SSH-2.0-OpenSSH\r\n\r\n"), faults.MALFORMED, 3),
    Case("HTTP/0.9", sent("<html>sign in</html>"), faults.MALFORMED, 3),
    Case("HTTP/2", sent("HTTP/2.0 200 OK\r\n\r\n{}"), faults.MALFORMED, 3),
    Case("no status", sent("HTTP/1.1 fine\r\n\r\n{}"), faults.MALFORMED, 3),
    Case("two lengths", sent("HTTP/1.1 200 OK\r\ncontent-length: 2, 3\r\n\r\n{} "), faults.MALFORMED, 3),
    Case("a header of a megabyte", answered() | {"headers": {"x": "a" * 2**20}}, faults.MALFORMED, 3),
    Case("headers of megabytes", answered() | {"headers": {f"x{n}": "a" * 60_000 for n in range(90)}},
         faults.MALFORMED, 3),
    Case("a flood of headers", flood("HTTP/1.1 200 OK\r\n", "x: y\r\n"), faults.MALFORMED, 3),
    Case("a flood of 100s", flood("", "HTTP/1.1 100 Continue\r\n\r\n"), faults.MALFORMED, 3),
    Case("a flood of 103s", flood("", "HTTP/1.1 103 Early Hints\r\n\r\n"), faults.MALFORMED, 3),
    Case("the answer to another request", answered() | {"headers": {"x-client-request-id": "0" * 64}},
         faults.MALFORMED, 3),
    Case("200 with an error", in_200({"message": "upstream died"}), faults.SERVER_ERROR, 7),
    Case("200 with a bare error", in_200("out of order"), faults.SERVER_ERROR, 7),
    Case("200 with a quota error", in_200({"code": 402, "message": "pay"}), faults.QUOTA, 1),
    Case("200 with a key error", in_200({"code": "401", "message": "key"}), faults.AUTH, 1),
    Case("200 with a rate limit", in_200({"code": 429}), faults.RATE_LIMITED, 7),
    Case("200 with an error of NaN", {"body": '{"error": {"code": NaN}}'}, faults.SERVER_ERROR, 7),
    Case("an error in the choice", {"body": '{"choices":[{"error":{"code":502}}]}'}, faults.SERVER_ERROR, 7),
    Case("finish_reason error", answered(finish_reason="error"), faults.SERVER_ERROR, 7),
    Case("429", failed(429), faults.RATE_LIMITED, 7),
    Case("429 that is a quota", failed(429, {"code": "insufficient_quota"}), faults.QUOTA, 1),
    *(Case(f"{status} that is a quota, says {name}", failed(status, error), faults.QUOTA, 1)
      for status, name, error in (
          (400, "Anthropic", {"type": "invalid_request_error", "message": "Your credit balance is too low to access"
                              " the API. Please go to Plans & Billing to upgrade or purchase credits."}),
          (429, "Moonshot", {"type": "exceeded_current_quota_error", "message": "Your account is suspended"}),
          (403, "Moonshot", {"type": "exceeded_current_quota_error", "message": "Your account is not active"}),
          (429, "OpenAI", {"code": "billing_not_active", "message": "Your account is not active."}),
          (429, "xAI", {"message": "Your team has either used all available credits or reached its limit."}),
          (403, "xAI", {"message": "Your team has used all available credits"}),
          (412, "Fireworks", {"message": "Account suspended, possibly due to reaching the monthly spending limit"}),
      )),
    Case("429 that speaks of a quota for the day", failed(429, {"message": "You exceeded your current quota per day"}),
         faults.RATE_LIMITED, 7),
    Case("429 for an hour", failed(429, retry_after="3600"), faults.RATE_LIMITED, 2),
    Case("429 for a day", failed(429, retry_after="86400"), faults.RATE_LIMITED, 1),
    Case("529", failed(529), faults.RATE_LIMITED, 7),
    Case("503 for a while", failed(503, retry_after="1"), faults.RATE_LIMITED, 7),
    Case("overloaded", failed(500, {"type": "overloaded_error"}), faults.RATE_LIMITED, 7),
    Case("429 that never goes away", failed(429, {"message": "Request too large for m"}), faults.CONTEXT_LENGTH, 1),
    Case("402", failed(402), faults.QUOTA, 1),
    Case("401", failed(401), faults.AUTH, 1),
    Case("403", failed(403), faults.AUTH, 1),
    Case("403 by a filter", failed(403, {"message": "Your input was flagged"}), faults.REFUSED, 1),
    Case("400 by a filter", failed(400, {"code": "content_filter"}), faults.REFUSED, 1),
    Case("400 by Anthropic's filter", failed(400, {"message": "Output blocked by content filtering policy"}),
         faults.REFUSED, 1),
    Case("400 by Qwen's filter", failed(400, {"code": "data_inspection_failed"}), faults.REFUSED, 1),
    Case("400 by a filter, quoting", failed(400, {"code": "content_filter", "message": f"No: {DANGEROUS}"}),
         faults.REFUSED, 1),
    Case("404", failed(404, {"message": "no such model"}), faults.NO_MODEL, 1),
    Case("400", failed(400, {"message": "messages: wrong"}), faults.BAD_REQUEST, 2),
    Case("400 with HTML", {"status": 400, "body": "<html>Bad Request</html>"}, faults.BAD_REQUEST, 2),
    Case("422", failed(422), faults.BAD_REQUEST, 2),
    Case("400 that never takes max_tokens", failed(400, {"message": "max_tokens is not supported"}),
         faults.BAD_REQUEST, 5, ask=REFLECTING),
    Case("400 that names nothing where a form was asked for", failed(400), faults.BAD_REQUEST, 3, ask=JUDGING),
    *(Case(f"400 that {name}", failed(400, error), faults.BAD_REQUEST, 2)
      for name, error in {
          "speaks of a rate limit": {"message": "Rate limit: use a smaller batch"},
          "quotes the prompt": {"message": f"Invalid request body: {DANGEROUS}"},
          "quotes the prompt escaped": {"message": json.dumps({"content": DANGEROUS})},
          "quotes the prompt in part": {"detail": [{"msg": "Bad", "input": DANGEROUS[:70]}]},
          "quotes a short prompt": {"message": "Invalid: 'Moderation?'"},
      }.items()),
    Case("400 too long", failed(400, {"code": "context_length_exceeded"}), faults.CONTEXT_LENGTH, 1),
    Case("400 too long, says vLLM",
         {"status": 400, "body": '{"object":"error","message":"maximum context length is 8192 tokens"}'},
         faults.CONTEXT_LENGTH, 1),
    *(Case(f"400 too long, says {name}", failed(400, {"message": words}), faults.CONTEXT_LENGTH, 1)
      for name, words in {
          "xAI": "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
          "Bedrock": "Input is too long for requested model.",
          "Qwen": "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]",
          "TGI": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000",
      }.items()),
    Case("429 too long, by a code that speaks of rates",
         failed(429, {"message": "Request too large for m", "code": "rate_limit_exceeded"}), faults.CONTEXT_LENGTH, 1),
    Case("400 too long beside a limit",
         failed(400, {"message": "This model's maximum context length is 4096 tokens and your request has 5000"
                      " input tokens"}), faults.CONTEXT_LENGTH, 2, ask=LONG),
    Case("400 too long for any limit", failed(400, {"message": "prompt is too long: 5000 tokens"}),
         faults.CONTEXT_LENGTH, 1, ask=LONG),
    Case("400 that takes no limit at all", failed(400, {"message": "max_tokens is too large"}),
         faults.BAD_REQUEST, 11, ask=LONG),
    Case("413", failed(413), faults.CONTEXT_LENGTH, 1),
    *(Case(str(status), failed(status), faults.SERVER_ERROR, 7)
      for status in (408, 409, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524)),
    Case("502 with HTML", {"status": 502, "body": "<html>Bad Gateway</html>"}, faults.SERVER_ERROR, 7),
    Case("503 that speaks of moderation", failed(503, {"message": "moderation is down"}), faults.SERVER_ERROR, 7),
    *(Case(f"redirect {status}", failed(status, location="/elsewhere"), faults.REDIRECT, 1)
      for status in (301, 302, 303, 307, 308)),
    *(Case(f"redirect to {place}", failed(307, location=place), faults.REDIRECT, 1)
      for place in ("http://[x", "http://x:y/", "//a]b[", "")),
    Case("redirect in gzip", packed(gzip.compress(b"moved")) | REDIRECTED, faults.REDIRECT, 1),
    Case("redirect in gzip that is none", packed(b"not gzip") | REDIRECTED, faults.REDIRECT, 1),
    Case("redirect with a gzip bomb", packed(gzip.compress(bytes(9 * 2**20))) | REDIRECTED, faults.REDIRECT, 1),
    Case("redirect without an end", flood(MOVED, " "), faults.REDIRECT, 1),
    Case("redirect that is cut", sent(MOVED + "moved"), faults.REDIRECT, 1),
    Case("redirect that stalls", stall(MOVED), faults.REDIRECT, 1, stall_s=0.05),
    Case("redirect that trickles", trickle(MOVED, " "), faults.REDIRECT, 1),
    Case("refusal", answered(None, refusal="I will not"), faults.REFUSED, 1),
    Case("content filter", answered("", finish_reason="content_filter"), faults.REFUSED, 1),
    Case("empty answer", answered(""), faults.EMPTY, 1),
    Case("null answer", answered(None), faults.EMPTY, 1),
    Case("an answer that is no text", answered({"a": 1}), faults.EMPTY, 1),
    Case("nothing but reasoning", answered("<think>hm"), faults.EMPTY, 1),
    Case("a verdict behind reasoning without end", answered("<think>" + VERDICT), faults.EMPTY, 1, ask=JUDGING),
    Case("a verdict cut at the limit", answered(VERDICT, finish_reason="length"), faults.TRUNCATED, 1, ask=JUDGING),
    Case("a proposal cut twice", answered("{", finish_reason="length"), faults.TRUNCATED, 2, ask=REFLECTING),
    *(Case(f"a proposal cut twice {name}", act, faults.TRUNCATED, 2, ask=REFLECTING)
      for name, act in PONDERING.items()),
    Case("a verdict cut in its reasoning", PONDERING["in its reasoning"], faults.TRUNCATED, 1, ask=JUDGING),
    Case("an answer cut in its reasoning", PONDERING["in its reasoning"], faults.EMPTY, 1),
    Case("a verdict refused by the provider", UNREADABLE, faults.MALFORMED_REPLY, 2, ask=JUDGING),
    *(Case(f"a verdict {name}", answered(text), faults.MALFORMED_REPLY, 2, ask=JUDGING)
      for name, text in {
          "in prose": "I would say 7",
          "100,000 deep": '{"a":' * 100_000 + "1" + "}" * 100_000,
          "of 5,000 digits": VERDICT.replace("7", "9" * 5000),
          "of NaN": VERDICT.replace("7", "NaN"),
          "in HTML": "<html>sign in</html>",
          "out of range": VERDICT.replace("7", "70"),
          "given twice": VERDICT + VERDICT.replace("7", "8"),
          "broken, and too long to repair": "{'feedback': '" + "a" * 6000 + "', 'score': 7,}",
      }.items()),
)  # fmt: skip


@dataclass(frozen=True)
class Mended:
    """A fault that the answer survives: what the server does in turn, and what the answer is."""

    name: str
    acts: tuple[Act, ...]
    fault: Fault
    text: str = "Paris"
    ask: ModelCall = TARGET


def usage(tokens: str) -> Act:
    """Return an answer whose usage is spelled so."""
    return {"body": json.dumps({**json.loads(str(answered()["body"])), "usage": "?"}).replace('"?"', tokens)}


MENDED = (
    *(Mended(f"{status} {name}", (failed(status, {"message": words}), answered()), faults.UNSUPPORTED)
      for status, name, words in (
          (400, "temperature", "Unsupported value: 'temperature' does not support 0.5"),
          (422, "temperature", "temperature: extra inputs are not permitted"),
          (404, "temperature", "No endpoints found that support temperature"),
      )),
    Mended("400 that points at temperature", (failed(400, {"message": "Wrong.", "param": "temperature"}), answered()),
           faults.UNSUPPORTED),
    Mended("422 that points at temperature",
           ({"status": 422, "body": '{"detail": [{"loc": ["body", "temperature"], "msg": "no"}]}'}, answered()),
           faults.UNSUPPORTED),
    *(Mended(f"{status} a temperature of 0, says {name}", (failed(status, {"message": words}), answered(VERDICT)),
             faults.UNSUPPORTED, text=VERDICT, ask=COLD)
      for status, name, words in (
          (422, "TGI", "Input validation error: `temperature` must be strictly positive"),
          (400, "another", "Invalid params: temperature must be in range (0, +inf)"),
          (400, "pydantic", "temperature: Input should be greater than 0"),
      )),
    Mended("400 that points at a temperature of 0",
           (failed(400, {"message": "Below minimum value.", "param": "temperature"}), answered(VERDICT)),
           faults.UNSUPPORTED, text=VERDICT, ask=COLD),
    *(Mended(f"400 a limit of 4096, says {name}", (failed(400, {"message": words}), answered(PROPOSAL)),
             faults.UNSUPPORTED, text=PROPOSAL, ask=LONG)
      for name, words in TOO_MANY_TOKENS.items()),
    *(Mended(f"400 a context of 4096, says {name}", (failed(400, {"message": words}), answered(PROPOSAL)),
             faults.UNSUPPORTED, text=PROPOSAL, ask=LONG)
      for name, words in NO_ROOM.items()),
    Mended("reasoning", (answered("<think>hm\nhm</think>\n\nParis"),), faults.REASONING),
    Mended("reasoning without its first tag", (answered("hm</think>Paris"),), faults.REASONING),
    Mended("reasoning in brackets", (answered("[THINK]hm[/THINK]Paris"),), faults.REASONING),
    Mended("reasoning before a verdict", (answered(f"<think>{{}} 3</think>{VERDICT}"),), faults.REASONING,
           text=VERDICT, ask=JUDGING),
    *(Mended(f"usage {spelled[:30]}", (usage(spelled),), faults.ODD_USAGE)
      for spelled in (
          "null", '"many"', "[7]", "{}", '{"prompt_tokens": "7", "completion_tokens": 3}',
          '{"prompt_tokens": NaN, "completion_tokens": 3}', '{"prompt_tokens": -1, "completion_tokens": 3}',
          '{"prompt_tokens": true, "completion_tokens": 3}', '{"prompt_tokens": 1e400, "completion_tokens": 3}',
          f'{{"prompt_tokens": {"9" * 5000}, "completion_tokens": 3}}',
      )),
    Mended("a lone surrogate", (answered("Par\ud800is"),), faults.UNSTORABLE, text="Par\ufffdis"),
    Mended("NUL", (answered("Par\0is"),), faults.UNSTORABLE, text="Par\ufffdis"),
    Mended("an answer cut at the limit", (answered("Par", finish_reason="length"),), faults.CUT_ANSWER, text="Par"),
    Mended("a verdict refused by the provider", (UNREADABLE, answered(VERDICT)), faults.UNREADABLE_REPLY,
           text=VERDICT, ask=JUDGING),
    Mended("a verdict in prose", (answered("I would say 7"), answered(VERDICT)), faults.UNREADABLE_REPLY,
           text=VERDICT, ask=JUDGING),
    Mended("a verdict in single quotes", (answered(VERDICT.replace('"', "'")),), faults.BROKEN_JSON,
           text=VERDICT.replace('"', "'"), ask=JUDGING),
    *(Mended(f"our key {name}", (answered(f"It is {spelled}."),), faults.KEY_ECHOED, text="It is (key).")
      for name, spelled in {
          "in the answer": "{key}",
          "escaped": r"sk\u002Dcanary\u002d5c1f",
          "escaped twice": r"sk\\u002dcanary-5c1f",
          "in a URL": "sk%2Dcanary%2d5c1f",
      }.items()),
    Mended("our key in parts", (answered([{"text": "It is sk-can"}, {"text": "ary-5c1f."}]),), faults.KEY_ECHOED,
           text="It is (key)."),
)  # fmt: skip


@dataclass(frozen=True)
class Door:
    """A fault before the first byte of a request: what the client meets at the door, and behind which certificate."""

    name: str
    kind: str
    fault: Fault
    scheme: str = "https"
    host: str = "127.0.0.1"
    certificate: str = ""
    said: str = ""
    connect_s: float = 5.0

    @property
    def sends(self) -> int:
        """Return how many requests count as sent: those that found no connection do not."""
        return 0 if self.fault is faults.UNREACHABLE else 1


DOORS = (
    Door("a name that does not exist", "plain", faults.UNREACHABLE, host="nowhere.invalid"),
    Door("a queue that is full", "full", faults.UNREACHABLE, scheme="http", connect_s=0.05),
    Door("a handshake that hangs", "deaf", faults.UNREACHABLE, said="HandshakeBroken", connect_s=0.05),
    Door("a handshake that trickles", "dripping", faults.UNREACHABLE, said="HandshakeBroken", connect_s=0.05),
    Door("a handshake that is cut", "cutting", faults.UNREACHABLE, said="EOF"),
    Door("a handshake that is reset", "resetting", faults.UNREACHABLE, said="reset by peer"),
    Door("no TLS", "plain", faults.BAD_ADDRESS, said="wrong version number"),
    *(Door(f"a certificate that is {name}", "tls", faults.BAD_ADDRESS, certificate=name, said=said)
      for name, said in (
          ("unknown", "self-signed certificate"),
          ("expired", "certificate has expired"),
          ("elsewhere", "certificate is not valid for '127.0.0.1'"),
      )),
)  # fmt: skip
