"""YAML by the rules of its version 1.2, as tools of today write it: `Yes` and `12:30` are texts."""

import re

from gepa_next.client.sniffing import FileError

_OLD = frozenset(f"tag:yaml.org,2002:{name}" for name in ("bool", "int", "float", "timestamp"))
_PLAIN = (
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), "tTfF"),
    ("int", re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z"), "-+0123456789"),
    (
        "float",
        re.compile(r"[-+]?(?:(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)\Z"),
        "-+.0123456789",
    ),
)


def yaml_value(text: str) -> object:
    """Return the value of a YAML text, of plain values only; ValueError if it is none."""
    try:
        import yaml  # noqa: PLC0415 - an optional extra, missed only by who has YAML
    except ImportError:
        raise FileError("YAML needs a package more; in a checkout: .venv/bin/pip install -e '.[yaml]'") from None

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # which of the two is known late
        """The safe loader with other rules for what a plain word is."""

    Loader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in rules if tag not in _OLD]
        for first, rules in Loader.yaml_implicit_resolvers.items()
    }
    for name, pattern, first in _PLAIN:
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{name}", pattern, list(first))
    try:
        return yaml.load(text, Loader=Loader)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise ValueError(str(error).replace("\n", " ")) from None
