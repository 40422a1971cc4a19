"""Lines of the log: one for each thing whatever is in it, readable by machines, without secrets."""

import io
import json
import logging
import subprocess
import sys

import pytest

from gepa_next.logs import Style, begin, formatter

KEY = "sk/canary\"4d1e'77"
FORGED = 'a\nb\r\n\t\x00\x1b[31m\x85\u2028\u202e\x7f{"level":"ERROR"}'
STYLES: tuple[Style, ...] = ("json", "text")


class Logged:
    """A logger of its own, and what it has written."""

    def __init__(self, style: Style) -> None:
        self.stream = io.StringIO()
        handler = logging.StreamHandler(self.stream)
        handler.setFormatter(formatter(style, [KEY, "short"]))
        self.log = logging.Logger("test", "DEBUG")  # noqa: LOG001 - known to nobody else
        self.log.addHandler(handler)

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def said(self) -> dict[str, object]:
        assert self.text.count("\n") == 1
        found = json.loads(self.text)
        assert isinstance(found, dict)
        return found

    def fail(self, message: str) -> None:
        try:
            fail(message)
        except RuntimeError:
            self.log.exception("it failed")


def fail(message: str) -> None:
    raise RuntimeError(message)


@pytest.fixture(autouse=True)
def about_nothing() -> None:
    """Forget what a test before was about."""
    begin()


@pytest.fixture(params=STYLES)
def each(request: pytest.FixtureRequest) -> Logged:
    return Logged(request.param)


@pytest.fixture
def logged() -> Logged:
    return Logged("json")


def test_a_line_says_when_how_grave_who_and_what(logged: Logged) -> None:
    logged.log.info("%d tokens read", 3, extra={"job_id": "j1", "epoch": 2})
    said = logged.said
    assert list(said) == ["ts", "level", "logger", "pid", "message", "job_id", "epoch"]
    assert (said["level"], said["logger"], said["message"]) == ("INFO", "test", "3 tokens read")
    assert isinstance(said["ts"], float)


def test_a_line_says_what_its_context_is_about_and_its_own_facts_go_first(logged: Logged) -> None:
    begin(request_id="r1", job_id="j1")
    try:
        logged.log.info("hello", extra={"job_id": "j2"})
    finally:
        begin()
    assert (logged.said["request_id"], logged.said["job_id"]) == ("r1", "j2")


def test_nothing_is_said_of_what_is_over(logged: Logged) -> None:
    begin(request_id="r1")
    begin()
    logged.log.info("hello")
    assert "request_id" not in logged.said


def test_no_message_forges_a_second_line(each: Logged) -> None:
    each.log.info("%s", FORGED, extra={"request_id": FORGED, "job_id": "x\ny"})
    assert len(each.text.splitlines()) == 1
    assert not set(each.text[:-1]) & set("\0\x1b\r\t\x85\u2028\u202e")


def test_a_trace_is_one_field_of_one_line(logged: Logged) -> None:
    logged.fail(FORGED)
    trace = logged.said["trace"]
    assert isinstance(trace, str)
    assert trace.startswith("Traceback")
    assert FORGED in trace


def test_in_text_no_line_of_a_trace_looks_like_a_line_of_the_log() -> None:
    logged = Logged("text")
    logged.fail(FORGED)
    first, *others = logged.text.splitlines()
    assert "ERROR test" in first
    assert len(others) > 3
    assert all(line.startswith("    ") for line in others)


def test_half_a_character_makes_no_line_that_readers_refuse(logged: Logged) -> None:
    logged.log.info("a\ud800b %s", "é")
    assert logged.text.isascii()
    assert logged.said["message"] == "a\ufffdb é"


def test_half_a_character_is_written_out_in_text() -> None:
    logged = Logged("text")
    logged.log.info("a\ud800b é")
    assert "a\\ud800b é" in logged.text


@pytest.mark.parametrize(
    "shown",
    [
        KEY, json.dumps(KEY), repr({"key": KEY}), "".join(f"%{ord(c):02X}" for c in KEY),
        "Authorization: Bearer canary", "'Authorization': 'Basic canary'", "authorization=canary", "BEARER  canary",
        "GET /v1/optimize/1/events?a=1&stream_token=canary.canary&b=2", "stream_token%3Dcanary",
        "Cookie: gepa_next_session=canary", "x-api-key: canary", '{"api_key": "canary"}',
        "gn_canary_0123456789abcdef", "sk-canary-0123456789",
    ],
)  # fmt: skip
def test_no_secret_is_shown_in_a_message_or_a_trace_or_a_fact(each: Logged, shown: str) -> None:
    each.log.warning("it said %s", shown, extra={"request_id": shown})
    each.fail(f"it said {shown} again")
    assert "(secret)" in each.text
    assert "canary" not in each.text
    assert "4d1e" not in each.text


def test_what_is_no_secret_stays(logged: Logged) -> None:
    text = "task-4: a short token: skip /v1/optimize?stream=1, risk-free"
    logged.log.info(text)
    assert logged.said["message"] == text


def test_a_message_whose_arguments_do_not_fit_is_written_without_them(
    each: Logged, capsys: pytest.CaptureFixture[str]
) -> None:
    each.log.info("%d tokens", KEY)
    assert "%d tokens" in each.text
    assert "canary" not in each.text + capsys.readouterr().err


SCRIPT = """
import threading, warnings
from gepa_next.logs import set_up
set_up(level="INFO", style={style!r}, secrets=["canary-77"])
warnings.warn("canary-77 is old")
thread = threading.Thread(target=lambda: 1 / 0, name="canary-77")
thread.start()
thread.join()
raise RuntimeError("canary-77")
"""


@pytest.mark.parametrize("style", ["auto", "text"])
def test_warnings_and_uncaught_errors_are_lines_of_the_log(style: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(style=style)], capture_output=True, text=True, timeout=30, check=False
    )
    lines = [line for line in done.stderr.splitlines() if not line.startswith("    ")]
    assert done.returncode == 1
    assert ["WARNING" in lines[0], "CRITICAL" in lines[1], "CRITICAL" in lines[2]] == [True] * 3
    assert len(lines) == 3
    assert "canary" not in done.stderr
    assert {line.startswith("{") for line in lines} == {style == "auto"}
