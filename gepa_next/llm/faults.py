"""List everything that goes wrong with a model call and what is done about it: one row for each."""

from gepa_next.gepa.types import Role
from gepa_next.llm.failure import Fault, Paid, Scope, Wait

UNREACHABLE = Fault(
    name="unreachable",
    code="provider_down",
    shows="DNS failure, connection refused, connect time-out, TLS handshake that hangs or fails",
    advice="Check the base URL and the network; the job can be resumed when the provider answers.",
    retries=None,
    wait=Wait.TOGETHER,
    scope=Scope.JOB,
)
RESET = Fault(
    name="reset",
    code="connection_lost",
    shows="connection closed or reset before a byte of the answer, as a stale keep-alive connection is",
    advice="The provider or something before it drops connections.",
    retries=3,
    wait=Wait.AT_ONCE_THEN_BACKOFF,
    budgeted=True,
)
STALLED = Fault(
    name="stalled",
    code="timeout",
    shows="the body stops arriving, or the request is not taken",
    advice="The provider hangs while answering.",
    retries=3,
    wait=Wait.BACKOFF,
    paid=Paid.PERHAPS,
    budgeted=True,
)
DEADLINE = Fault(
    name="deadline",
    code="timeout",
    shows="no whole answer at the deadline, however the bytes trickle",
    advice="The model takes longer than a call may last.",
    retries=2,
    wait=Wait.BACKOFF,
    paid=Paid.PERHAPS,
    budgeted=True,
)
CUT_SHORT = Fault(
    name="cut_short",
    code="broken_body",
    shows="reset inside an answer, body shorter than announced, bad chunk, bad gzip, JSON or TLS that breaks off",
    advice="Something between here and the provider damages answers.",
    retries=3,
    wait=Wait.BACKOFF,
    paid=Paid.PERHAPS,
    budgeted=True,
)
MALFORMED = Fault(
    name="malformed",
    code="malformed",
    shows="no HTTP, headers without end, 200 or 204 with HTML, nothing, no choices (a program: no output),"
    " JSON too deep, another's answer",
    advice="The endpoint does not answer as an OpenAI-compatible one does.",
    retries=2,
    wait=Wait.BACKOFF,
    paid=Paid.PERHAPS,
    budgeted=True,
)
TOO_LARGE = Fault(
    name="too_large",
    code="answer_too_large",
    shows="body over the byte limit, packed or unpacked",
    advice="Set a limit on the tokens of an answer.",
    paid=Paid.PERHAPS,
)
RATE_LIMITED = Fault(
    name="rate_limited",
    code="rate_limited",
    shows="429, 529, a server error with `Retry-After`, or an error body that says so",
    advice="Ask the provider for a higher limit; the job can be resumed when it allows more.",
    retries=None,
    wait=Wait.TOGETHER,
    scope=Scope.JOB,
)
QUOTA = Fault(
    name="quota",
    code="provider_quota",
    shows="402, or an error that says the credit or quota is used up",
    advice="Top up the account at the provider, then resume the job.",
    scope=Scope.JOB,
)
AUTH = Fault(
    name="auth",
    code="provider_auth",
    shows="401, 403",
    advice="Put the API key right, then resume the job.",
    scope=Scope.JOB,
)
NO_MODEL = Fault(
    name="no_model",
    code="provider_config",
    shows="404, or an error code that says the model is unknown",
    advice="Check the model id and the base URL.",
    scope=Scope.JOB,
)
BAD_REQUEST = Fault(
    name="bad_request",
    code="provider_config",
    shows="400, 422 or another 4xx that no row explains, 500 about a grammar; from a model that has not answered yet"
    " and refuses a short question too",
    advice="The provider refuses the request as it is; its message says why.",
    scope=Scope.JOB,
)
ODD_REQUEST = Fault(
    name="odd_request",
    code="request_refused",
    shows="the same from a model that has answered, or answers a short question: it is about this one request",
    advice="The provider answers other requests and refuses this one; its message says why.",
)
CONTEXT_LENGTH = Fault(
    name="context_length",
    code="context_length",
    shows="413, or 400 with a message about the context length, unless a lower max_tokens helps",
    advice="The messages are longer than the model can read.",
)
SERVER_ERROR = Fault(
    name="server_error",
    code="server_error",
    shows="408, 409, 425, any 5xx such as 500 502 503 504 520-524, or 200 with an error body",
    advice="The provider has trouble; its status page may say more.",
    retries=6,
    wait=Wait.BACKOFF,
    budgeted=True,
)
REDIRECT = Fault(
    name="redirect",
    code="provider_config",
    shows="a 3xx, which is not followed: that would send the prompt and the key elsewhere",
    advice="Set the base URL to the final address.",
    scope=Scope.JOB,
)
BAD_ADDRESS = Fault(
    name="bad_address",
    code="provider_config",
    shows="a URL or key that cannot be sent, a certificate not trusted, expired or another host's, no TLS at all",
    advice="Check the base URL, the key and the certificate.",
    scope=Scope.JOB,
)
FORBIDDEN_ADDRESS = Fault(
    name="forbidden_address",
    code="forbidden_address",
    shows="the connection to a program leads to an IP address that is not allowed; nothing is sent",
    advice="Only public addresses are, and loopback and private ones if PROGRAM_PRIVATE_ADDRESSES is set.",
    scope=Scope.JOB,
)
REFUSED = Fault(
    name="refused",
    code="refused",
    shows="finish_reason content_filter, message.refusal, an error that speaks of moderation",
    advice="The model or its filter declines this input.",
    paid=Paid.AS_SAID,
)
EMPTY = Fault(
    name="empty",
    code="empty",
    shows="an answer without text, or with nothing but reasoning; where finish_reason is length, of the target only",
    advice="Allow the answer more tokens, if they are limited.",
    paid=Paid.AS_SAID,
)
TRUNCATED = Fault(
    name="truncated",
    code="truncated",
    shows="finish_reason length where a part of the answer is no use, or before the first of it, in the reasoning;"
    " asked once more with twice the tokens if they are limited, as the reflector's are",
    advice="Allow the answer more tokens.",
    paid=Paid.AS_SAID,
    roles=(Role.JUDGE, Role.REFLECTOR),
)
MALFORMED_REPLY = Fault(
    name="malformed_reply",
    code="malformed_reply",
    shows="a structured reply that does not fit, or that the provider itself refuses, and the same after one re-ask",
    advice="Choose a model that can answer in JSON.",
    paid=Paid.AS_SAID,
    roles=(Role.JUDGE, Role.REFLECTOR),
)

# What is mended; the advice says how.
UNSUPPORTED = Fault(
    name="unsupported",
    code="parameter_left_out",
    shows="400, 404 or 422 that says that temperature or max_tokens is not taken, or not a temperature of 0 or so high"
    " a limit, or that names no reason where response_format was sent",
    advice="Sent again without it, or with the limit lowered or under its other name, which is remembered for the"
    " model.",
    scope=Scope.NONE,
)
REASONING = Fault(
    name="reasoning",
    code="reasoning_stripped",
    shows="reasoning between tags before the answer",
    advice="Left out.",
    paid=Paid.AS_SAID,
    scope=Scope.NONE,
)
ODD_USAGE = Fault(
    name="odd_usage",
    code="usage_estimated",
    shows="usage missing or of another shape: text, NaN, negative, true, over 10,000,000, of 5,000 digits",
    advice="Counted as a quarter of the characters.",
    paid=Paid.AS_SAID,
    scope=Scope.NONE,
)
UNSTORABLE = Fault(
    name="unstorable",
    code="text_cleaned",
    shows="lone surrogates or NUL in an answer",
    advice="Replaced by U+FFFD.",
    paid=Paid.AS_SAID,
    scope=Scope.NONE,
)
CUT_ANSWER = Fault(
    name="cut_answer",
    code="truncated",
    shows="finish_reason length where a part of the answer can be scored",
    advice="Scored as it is.",
    paid=Paid.AS_SAID,
    scope=Scope.NONE,
    roles=(Role.TARGET,),
)
UNREADABLE_REPLY = Fault(
    name="unreadable_reply",
    code="asked_again",
    shows="a structured reply that does not fit",
    advice="Asked once more, with what was wrong.",
    paid=Paid.AS_SAID,
    scope=Scope.NONE,
    roles=(Role.JUDGE, Role.REFLECTOR),
)
BROKEN_JSON = Fault(
    name="broken_json",
    code="reply_repaired",
    shows="a structured reply whose JSON is broken, though complete: single quotes, a comma too many, no braces",
    advice="Repaired.",
    paid=Paid.AS_SAID,
    scope=Scope.NONE,
    roles=(Role.JUDGE, Role.REFLECTOR),
)
KEY_ECHOED = Fault(
    name="key_echoed",
    code="key_redacted",
    shows="our key in an answer",
    advice="Replaced by (key).",
    paid=Paid.AS_SAID,
    scope=Scope.NONE,
)

FAULTS = (
    UNREACHABLE, RESET, STALLED, DEADLINE, CUT_SHORT, MALFORMED, TOO_LARGE, RATE_LIMITED, QUOTA, AUTH, NO_MODEL,
    BAD_REQUEST, ODD_REQUEST, CONTEXT_LENGTH, SERVER_ERROR, REDIRECT, BAD_ADDRESS, FORBIDDEN_ADDRESS, REFUSED, EMPTY,
    TRUNCATED, MALFORMED_REPLY, UNSUPPORTED, REASONING, ODD_USAGE, UNSTORABLE, CUT_ANSWER, UNREADABLE_REPLY,
    BROKEN_JSON, KEY_ECHOED,
)  # fmt: skip

NOTHING_SENT = frozenset({UNREACHABLE, FORBIDDEN_ADDRESS})
