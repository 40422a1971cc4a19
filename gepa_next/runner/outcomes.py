"""What becomes of a model call, as the ledger has it: written from an answer or a failure, and read back as one."""

from dataclasses import replace

from gepa_next.errors import Interrupted, ModelError, ProviderError
from gepa_next.gepa.spending import NO_USAGE, charge
from gepa_next.gepa.types import CallUsage, Completion, ModelCall
from gepa_next.llm.faults import UNSUPPORTED
from gepa_next.llm.structured import read_reply
from gepa_next.models import LedgerCall


def done(intent: LedgerCall, answer: Completion, *, latency_s: float) -> LedgerCall:
    """Return the call with its answer."""
    return replace(
        intent,
        status="done",
        question=None if UNSUPPORTED.code in answer.flags else intent.question,  # not what temperature 0 gives
        text=answer.text,
        finish_reason=answer.finish_reason,
        flags=answer.flags,
        sends=answer.usage.sends,
        input_tokens=answer.usage.input_tokens,
        output_tokens=answer.usage.output_tokens,
        cost_usd=answer.usage.cost_usd,
        doubtful=answer.usage.doubtful,
        latency_s=latency_s,
    )


def failed(intent: LedgerCall, error: ModelError | Interrupted, *, latency_s: float) -> LedgerCall:
    """Return the call with what went wrong; one that is refused is made again when the job is resumed."""
    return replace(
        intent,
        status="refused" if isinstance(error, ProviderError | Interrupted) else "failed",
        error_code=error.code,
        error_message=error.message,
        latency_s=latency_s,
        sends=error.sends,
        input_tokens=error.input_tokens,
        output_tokens=error.output_tokens,
        cost_usd=error.cost_usd,
        doubtful=error.doubtful,
    )


def consumed(earlier: LedgerCall | None) -> CallUsage:
    """Return what the attempts before this one consumed."""
    return _in_all(earlier) if earlier is not None and (earlier.sends or earlier.lost) else NO_USAGE


def _in_all(call: LedgerCall) -> CallUsage:
    """Return what the call has consumed; attempts whose outcome was lost may have been paid."""
    return replace(spent(call), doubtful=call.perhaps_paid)


def spent(one: LedgerCall | ModelError) -> CallUsage:
    """Return what an attempt, or all of a call's, consumed."""
    return CallUsage(
        sends=one.sends,
        input_tokens=one.input_tokens,
        output_tokens=one.output_tokens,
        cost_usd=one.cost_usd,
        doubtful=one.doubtful,
    )


def replayed(call: ModelCall, earlier: LedgerCall) -> Completion:
    """Return the answer that is in the ledger, with what it consumed in all; ModelError if the call failed."""
    if earlier.status == "failed":
        error = ModelError(earlier.error_code or "failed", earlier.error_message or "")
        charge(error, _in_all(earlier))
        raise error
    text = earlier.text or ""
    return Completion(
        text=text,
        reply=read_reply(text, call.reply_type) if call.reply_type else None,
        finish_reason=earlier.finish_reason or "stop",
        usage=_in_all(earlier),
        flags=earlier.flags,
    )
