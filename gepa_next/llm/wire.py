"""Speak the chat completions format: build the request, and read the answer or the fault in it."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gepa_next.gepa.types import Message
from gepa_next.llm import faults
from gepa_next.llm.classify import classify_error
from gepa_next.llm.complaint import read_complaint, words_of
from gepa_next.llm.dialect import Dialect, limit_of, room_for_answer
from gepa_next.llm.failure import Failure
from gepa_next.llm.redaction import redact
from gepa_next.llm.retry import read_retry_after
from gepa_next.llm.structured import reply_form, reply_schema
from gepa_next.llm.text import clean_text
from gepa_next.llm.transport import Answer

DETAIL_CHARS = 300
QUOTED_CHARS = 4000
MOST_DIGITS = 400
WORDS_CHARS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request to a model, before it is put in the words of the model's dialect.

    `room` is what the context has been found to leave for the answer.
    """

    model_id: str
    messages: tuple[Message, ...]
    reply_type: type | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    room: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a well-formed answer says; `flags` tell what had to be done to its text.

    `max_tokens` is the limit that it came under.
    """

    text: str
    finish_reason: str
    refusal: str
    usage: Mapping[str, object]
    flags: tuple[str, ...] = ()
    max_tokens: int | None = None


def once_more(question: Question, said: str, wrong: str) -> Question:
    """Return the question after an unreadable reply: what was said, what is wrong with it, the form it must have."""
    form = reply_form(question.reply_type) if question.reply_type else ""
    request = (
        f"That could not be read: {wrong}. Answer what was asked above once more, with one JSON object of this form"
        f" and nothing else: {form}"
    )
    quoted = (Message("assistant", said[:QUOTED_CHARS]),) if said else ()
    return replace(question, messages=(*question.messages, *quoted, Message("user", request)))


def leaves_out(question: Question, dialect: Dialect) -> bool:
    """Say whether the dialect keeps the request from asking for something that it should, or for as much."""
    heated = question.temperature is not None and not _takes_temperature(question.temperature, dialect)
    return heated or _limit(question, dialect) != question.max_tokens


def build_payload(question: Question, dialect: Dialect) -> dict[str, object]:
    """Return the request body as the dialect has it."""
    optional: dict[str, object] = {}
    if question.temperature is not None and _takes_temperature(question.temperature, dialect):
        optional["temperature"] = question.temperature
    if (limit := _limit(question, dialect)) is not None:
        optional[dialect.limit_name] = limit
    if question.reply_type and dialect.form == "json_schema":
        schema = {"name": question.reply_type.__name__, "strict": True, "schema": reply_schema(question.reply_type)}
        optional["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif question.reply_type and dialect.form == "json_object":
        optional["response_format"] = {"type": "json_object"}
    messages = [{"role": message.role, "content": clean_text(message.content)} for message in question.messages]
    kept = {name: value for name, value in optional.items() if name not in dialect.left_out}
    return {"model": question.model_id, "messages": messages, **kept}


def _takes_temperature(temperature: float, dialect: Dialect) -> bool:
    return "temperature" not in dialect.left_out and (dialect.takes_zero or temperature != 0)


def _limit(question: Question, dialect: Dialect) -> int | None:
    if question.max_tokens is None:
        return None
    bounds = (question.max_tokens, dialect.most_tokens, question.room)
    return min(bound for bound in bounds if bound is not None)


def with_room(question: Question, payload: Mapping[str, object], failure: Failure) -> Question | None:
    """Return the question with a limit that the context has room for, None where there is none or it was tried."""
    limit = limit_of(payload)
    if failure.fault is not faults.CONTEXT_LENGTH or limit is None or question.room is not None:
        return None
    room = room_for_answer(limit, failure.complaint)
    return replace(question, room=room) if room else None


def read_choice(answer: Answer, *, key: str = "", asked: Sequence[str] = ()) -> Choice:
    """Return the first choice of the answer, without the key it was asked with; raise the Failure it shows instead.

    What an error quotes of the texts that were `asked` is no word of the provider's.
    """
    body = read_object(answer, key=key, asked=asked)
    try:
        return _choice_of(answer, body, key, asked)
    except Failure as failure:
        failure.usage = _usage_of(body)
        raise


def read_object(
    answer: Answer, *, key: str = "", asked: Sequence[str] = (), load: Callable[[str], object] | None = None
) -> Mapping[str, object]:
    """Return the JSON object that a good answer is, as `load` reads it; raise the Failure that it shows instead."""
    if not 200 <= answer.status < 300:  # noqa: PLR2004  # the successful statuses
        raise _error_failure(answer, _try_decode(answer.body), answer.status, key, asked)
    body = _decode(answer.body, load or _load)
    if not isinstance(body, dict):
        raise Failure(faults.MALFORMED, f"the body is {type(body).__name__}, not an object")
    if body.get("error"):
        failure = _error_failure(answer, body, _stated_status(body["error"]), key, asked)
        failure.usage = _usage_of(body)
        raise failure
    return body


def _choice_of(answer: Answer, body: Mapping[str, object], key: str, asked: Sequence[str]) -> Choice:
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        raise Failure(faults.MALFORMED, "there are no choices")
    if choice.get("error"):
        raise _error_failure(answer, choice, _stated_status(choice["error"]), key, asked)
    return _read_choice(choice, _usage_of(body), key)


def _usage_of(body: Mapping[str, object]) -> Mapping[str, object]:
    usage = body.get("usage")
    return usage if isinstance(usage, dict) else {}


def _read_choice(choice: Mapping[str, object], usage: Mapping[str, object], key: str) -> Choice:
    message = choice.get("message")
    if not isinstance(message, dict):
        raise Failure(faults.MALFORMED, "the choice has no message")
    finish_reason = _text_of(choice.get("finish_reason")) or "stop"
    if finish_reason == "error":
        raise Failure(faults.SERVER_ERROR, "the model broke off with an error")
    said = _text_of(message.get("content"))
    cleaned = clean_text(said)
    text = redact(cleaned, key)
    return Choice(
        text=text,
        finish_reason=redact(clean_text(finish_reason), key)[:40],
        refusal=redact(clean_text(_text_of(message.get("refusal"))), key),
        usage=usage,
        flags=("text_cleaned",) * (cleaned != said) + ("key_redacted",) * (text != cleaned),
    )


def _text_of(value: object) -> str:
    """Return the text of a content field, which may also be a list of parts, or nothing."""
    if isinstance(value, list):
        parts: list[object] = [part.get("text") for part in value if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _integer(digits: str) -> float:
    """Return the number, infinity for one that nobody meant: Python refuses to read more than 4,300 digits."""
    return int(digits) if len(digits) <= MOST_DIGITS else math.inf


def _load(text: str) -> object:
    return json.loads(text, parse_int=_integer)


def _decode(body: bytes, load: Callable[[str], object] = _load) -> object:
    try:
        return load(body.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        broken_off = body.lstrip().startswith(b"{")
        fault = faults.CUT_SHORT if broken_off else faults.MALFORMED
        raise Failure(fault, f"the body is not JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise Failure(faults.MALFORMED, f"the body cannot be read: {type(error).__name__}") from error


def _try_decode(body: bytes) -> object:
    try:
        return _decode(body)
    except Failure:
        return None


def _stated_status(error: object) -> int:
    """Return the status that an error inside a 200 carries, or 200."""
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, str) and code.isascii() and code.isdigit():
        code = int(code[:3])
    return code if isinstance(code, int) and 400 <= code < 600 else 200  # noqa: PLR2004  # the statuses of errors


def _error_failure(answer: Answer, body: object, status: int, key: str, asked: Sequence[str]) -> Failure:
    error = body.get("error", body) if isinstance(body, dict) else None
    words = redact(clean_text(words_of(error)), key)[:WORDS_CHARS]  # cut at the end, or half a key might stay
    complaint = read_complaint(error, words=words, asked=asked)
    fault = classify_error(status, complaint)
    wait_s = read_retry_after(answer.headers, now=datetime.now(UTC))
    if fault is faults.SERVER_ERROR and wait_s is not None:
        fault = faults.RATE_LIMITED
    detail = f"status {status}: {words[:DETAIL_CHARS]}" if words else f"status {status}"
    return Failure(fault, detail, retry_after_s=wait_s, complaint=complaint)
