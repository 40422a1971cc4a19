"""How people are told numbers and times, wherever they read them."""

from datetime import UTC, datetime
from types import MappingProxyType

UNKNOWN = "–"  # noqa: RUF001 - a dash
SECONDS_PER_MINUTE = 60
SHORT_S = 10
CENT = 0.01
STOP_REASONS = MappingProxyType(
    {
        "iterations": "all iterations done",
        "target_score": "target score reached",
        "patience": "patience used up",
        "stalled": "no proposal worth running any more",
        "max_rollouts": "limit of rollouts reached",
        "max_calls": "limit of calls reached",
        "max_tokens": "limit of tokens reached",
        "max_cost_usd": "limit of cost reached",
        "max_seconds": "limit of time reached",
        "stopped": "stopped on request",
    }
)  # without those of a job that failed or was cancelled: its status says it


def score(value: float | None) -> str:
    """Return a score with two decimals."""
    return UNKNOWN if value is None else _rounded(value)


def difference(value: float | None) -> str:
    """Return a difference with its sign."""
    return UNKNOWN if value is None else ("−" if value < 0 else "+") + _rounded(abs(value))  # noqa: RUF001 - a real minus


def _rounded(value: float) -> str:
    return f"{round(value, 9):.2f}"  # 0.22499999999999998 is a mean of 0.225


def usd(value: float | None) -> str:
    """Return an amount of money; more decimals where there is little of it."""
    if value is None:
        return "unknown"
    return f"${value:.4f}" if 0 < value < CENT else f"${value:.2f}"


def count(value: float | None) -> str:
    """Return a number with its thousands apart."""
    return UNKNOWN if value is None else f"{value:,}"


def many(number: int, one: str, more: str = "") -> str:
    """Return how many there are of something."""
    return f"{count(number)} {one if number == 1 else more or f'{one}s'}"


def plain(word: object) -> str:
    """Return one of our code words as people write it."""
    return str(word).replace("_", " ")


def ended(stop_reason: str | None) -> str:
    """Return why a job ended, nothing where its status says it."""
    return STOP_REASONS.get(stop_reason or "", "")


def duration(seconds: float | None) -> str:
    """Return a length of time in its two largest units, a short one with tenths."""
    if seconds is None:
        return UNKNOWN
    if seconds < SHORT_S:
        return f"{int(max(0, seconds) * 10) / 10:.1f} s"
    minutes, rest = divmod(int(seconds), SECONDS_PER_MINUTE)
    hours, minutes = divmod(minutes, SECONDS_PER_MINUTE)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def moment(epoch_s: float | None) -> str:
    """Return a time of day in UTC; scripts put it into the reader's zone."""
    return UNKNOWN if epoch_s is None else f"{datetime.fromtimestamp(epoch_s, UTC):%Y-%m-%d %H:%M:%S} UTC"


def clock(epoch_s: float) -> str:
    """Return the time of day alone, in UTC."""
    return f"{datetime.fromtimestamp(epoch_s, UTC):%H:%M:%S}"


def machine(epoch_s: float) -> str:
    """Return a time as the attribute of a time element."""
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="milliseconds")


def signed_split(split: dict[str, int]) -> str:
    """Return how many examples serve what."""
    return f"{split['train']} to reflect on, {split['val']} to select by, {split['test']} held out"
