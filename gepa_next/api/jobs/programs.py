"""What a request may say of a program as its target."""

from gepa_next.api.edge.wrong_values import invalid
from gepa_next.api.jobs.schemas import OptimizeBody
from gepa_next.errors import InvalidError
from gepa_next.llm.program_urls import ProgramUrls
from gepa_next.metrics import PROGRAM, asks_program

OF_MODELS = ("target_model_id", "temperature", "max_tokens")


def refuse_wrong_program(body: OptimizeBody, urls: ProgramUrls) -> None:
    """Raise InvalidError for a program that this server may not call, or for what does not go with one or without."""
    if body.program_url is None:
        _refuse_without(body)
        return
    for name in OF_MODELS:
        if getattr(body, name) is not None:
            raise invalid(name, "a program has none; it is a setting of model targets")
    refuse_unlisted(body.program_url, urls)


def _refuse_without(body: OptimizeBody) -> None:
    if body.prompts is not None:
        raise invalid("prompts", "only a program has components; send its program_url, or one prompt")
    if asks_program(body.metric):
        raise invalid("metric", f"{PROGRAM} is the score that a program states; send its program_url")


def refuse_unlisted(url: str, urls: ProgramUrls) -> None:
    """Raise InvalidError for a program that this server may not call."""
    try:
        allowed = urls.allows(url)
    except ValueError as error:
        raise invalid("program_url", str(error)) from None
    if not allowed:
        message = "the operator of this server does not allow it (PROGRAM_URLS)"
        raise InvalidError("the program may not be called", [("program_url", message)], code="program_not_allowed")
