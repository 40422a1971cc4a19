"""Prompts with `{{variables}}`, and chats, as a prompt of ours and what its input is."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gepa_next.importers.foreign import Lost, text_of

INPUT = "{input}"
_VARIABLE = re.compile(r"\{\{-?\s*([A-Za-z_][\w.\-]*)\s*-?\}\}")
_CODE = re.compile(r"\{\{|\{%|\{#")
Message = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A prompt of ours, and the names of the variables that make up the input of an example."""

    prompt: str
    variables: tuple[str, ...]


def variables_of(text: str) -> tuple[str, ...]:
    """Return the names in the template, each once, in order."""
    return tuple(dict.fromkeys(_VARIABLE.findall(text)))


def canonical(text: str) -> str:
    """Return the template as all that mean the same are written."""
    return _VARIABLE.sub(lambda found: f"{{{{{found[1]}}}}}", text).strip()


def replaced(text: str, name: str, word: str) -> str:
    """Return the template with a word in the place of one name."""
    return _VARIABLE.sub(lambda found: word if found[1] == name else found[0], text)


def filled(text: str, values: Mapping[str, object]) -> str | None:
    """Return the text with the values in the place of their names, None if it has anything else to be computed."""
    if any(name not in values for name in variables_of(text)):
        return None
    if _CODE.search(_VARIABLE.sub("", text)):
        return None
    return _VARIABLE.sub(lambda found: text_of(values[found[1]]), text)


def template(text: str, lost: Lost, constants: Mapping[str, object] | None = None) -> Template | None:
    """Return the prompt with `{input}` for what differs from example to example; None if it must be computed."""
    known = constants or {}
    varying = [name for name in variables_of(text) if name not in known]
    if _CODE.search(_VARIABLE.sub("", text)):
        lost.note("prompt", "it computes (filters, conditions or loops), which a prompt here does not")
        return None
    lone = len(varying) == 1

    def put(found: re.Match[str]) -> str:
        name = found[1]
        return text_of(known[name]) if name in known else INPUT if lone else f"[{name}]"

    prompt = _VARIABLE.sub(put, text)
    if len(varying) > 1:
        lost.note("places of the prompt's variables", "there is one input: the variables stand in it together, by name")
        prompt = f"{prompt}\n\n{INPUT}"
    return Template(prompt=prompt, variables=tuple(varying))


def chat_template(
    messages: Sequence[Message], lost: Lost, constants: Mapping[str, object] | None = None
) -> Template | None:
    """Return a chat as a prompt: a system message before one variable as it is, any other as one text."""
    system = [text for role, text in messages if role in {"system", "developer"}]
    others = [text for role, text in messages if role not in {"system", "developer"}]
    alone = variables_of(others[0]) if len(others) == 1 else ()
    if system and len(alone) == 1 and not _VARIABLE.sub("", others[0]).strip():
        before = template("\n\n".join(system), lost, constants)
        if before is not None and not before.variables:
            return Template(prompt=before.prompt, variables=alone)
    if len(messages) > 1:
        lost.note("roles of the chat", "a prompt here is one text: its messages stand in it one after the other")
    return template(transcript(messages), lost, constants)


def transcript(messages: Sequence[Message]) -> str:
    """Return a chat as one text; who speaks is said if it is not only the user."""
    if len(messages) == 1 or all(role in {"system", "developer"} for role, _ in messages[:-1]):
        return "\n\n".join(text for _, text in messages)
    return "\n\n".join(f"{role.capitalize()}: {text}" for role, text in messages)


def messages_of(value: object) -> list[Message] | None:
    """Return role and text of each message of a chat, None if it is none or holds more than text."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if not isinstance(value, list) or not value:
        return None
    found = [_message(each) for each in value]
    return None if None in found else [each for each in found if each is not None]


def _message(value: object) -> Message | None:
    if not isinstance(value, dict):
        return None
    role = {"example_user": "user", "example_assistant": "assistant"}.get(str(value.get("name")), value.get("role"))
    text = content_text(value.get("content"))
    return None if text is None or not isinstance(role, str) else (role, text)


def content_text(content: object) -> str | None:
    """Return the text of a message's content, None if there is more to it than text."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return content_text(content.get("text"))
    if isinstance(content, list) and content:
        parts = [content_text(each) for each in content]
        return None if None in parts else "\n".join(each for each in parts if each is not None)
    return None
