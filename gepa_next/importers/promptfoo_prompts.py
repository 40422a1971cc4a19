"""The prompts of promptfoo: texts, chats, or files that hold them."""

from pathlib import Path

from gepa_next.client.sniffing import FileError
from gepa_next.importers.documents import text_beside
from gepa_next.importers.foreign import Lost

FILES = (".txt", ".md", ".j2", ".json")
SEPARATOR = "\n---\n"


def first_prompt(value: object, folder: Path, lost: Lost) -> str | None:
    """Return the first prompt that is a text, the others being lost; None if there is none."""
    texts: list[str] = []
    for each in value if isinstance(value, list) else [value] if value else []:
        given = each.get("raw") or each.get("id") if isinstance(each, dict) else each
        if isinstance(given, str):
            texts += _texts(given, folder, lost)
        else:
            lost.note("prompt", "it is no text")
    lost.note(
        "further prompts", "a job has one prompt, the first; import again for another", len(texts) - 1 if texts else 0
    )
    return texts[0] if texts else None


def _texts(given: str, folder: Path, lost: Lost) -> list[str]:
    name = given.removeprefix("file://")
    is_name = name != given or ("\n" not in given and " " not in given and Path(given).suffix in FILES)
    if not is_name and not given.startswith("exec:") and "{{" not in given and "://" in given.partition(" ")[0]:
        lost.note(f"prompt {given}", "it is kept elsewhere")
        return []
    if not is_name and not given.startswith("exec:"):
        return [given]
    if Path(name).suffix.lower() not in FILES:
        lost.note(f"prompt {given}", "made by code, or in a format that is not read")
        return []
    try:
        text = text_beside(name, folder)
    except FileError as error:
        lost.note(f"prompt {given}", str(error))
        return []
    return [each.strip("\n") for each in text.replace("\r\n", "\n").split(SEPARATOR) if each.strip()]
