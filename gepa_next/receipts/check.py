"""One thing that was looked at, and whether it agrees."""

from typing import NamedTuple


class Check(NamedTuple):
    """What was compared, in words that are true as they stand."""

    agrees: bool
    said: str

    def __str__(self) -> str:
        return f"{'agrees' if self.agrees else 'differs'}: {self.said}"
