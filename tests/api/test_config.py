"""Settings come from the environment and are refused by name when they are wrong."""

import json

import pytest

from gepa_next.config import Settings, load_settings
from gepa_next.errors import ConfigurationError
from gepa_next.gepa.types import Role
from gepa_next.roles import _providers as providers_of

REAL = {"LLM_BASE_URL": "http://127.0.0.1:9/v1", "JUDGE_MODEL_ID": "j", "TARGET_MODEL_DEFAULT": "t"}


@pytest.fixture
def load(monkeypatch, tmp_path):
    """Load settings from these variables and nothing else."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)

    def from_variables(**variables: str) -> Settings:
        for name, value in {"API_BEARER_TOKENS": "secret", **variables}.items():
            monkeypatch.setenv(name, value)
        return load_settings()

    return from_variables


def tokens(settings):
    return [token.get_secret_value() for token in settings.api_bearer_tokens]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("one", ["one"]), ("one,two", ["one", "two"]), (" one , two ,", ["one", "two"]), ('["one"]', ["one"]),
        (' ["a,b", "c"] ', ["a,b", "c"]),
    ],
)  # fmt: skip
def test_tokens_are_a_json_list_or_separated_by_commas(load, text, found) -> None:
    assert tokens(load(API_BEARER_TOKENS=text)) == found


@pytest.mark.parametrize("text", ["", ",", "[]"])
def test_without_a_token_there_is_no_authentication_to_ask_for(load, text) -> None:
    with pytest.raises(ConfigurationError, match="API_BEARER_TOKENS"):
        load(API_BEARER_TOKENS=text)


@pytest.mark.parametrize("text", ['["one"', "[1]", '[""]', '["a b"]', "tökén", '[["a"]]', '["a\\n"]'])
def test_a_token_that_cannot_be_sent_is_refused(load, text) -> None:
    with pytest.raises(ConfigurationError, match="API_BEARER_TOKENS") as caught:
        load(API_BEARER_TOKENS=text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"), ("PORT", "70000"), ("PORT", "-1"), ("LOG_LEVEL", "LOUD"), ("REQUIRE_AUTH", "perhaps"),
        ("RUNNER", "fast"), ("MAX_ITERATIONS", "0"), ("MAX_REQUEST_BYTES", "1"), ("RATE_LIMIT_PER_MIN", "-1"),
        ("RATE_LIMIT_BURST", "0"), ("IDEMPOTENCY_TTL_S", "0"), ("SSE_RETRY_MS", "0"), ("SSE_PING_INTERVAL_S", "0"),
        ("SSE_PING_INTERVAL_S", "nan"), ("SSE_PING_INTERVAL_S", "inf"), ("SSE_PING_INTERVAL_S", "1e300"),
        ("DRAIN_TIMEOUT_S", "inf"), ("DRAIN_TIMEOUT_S", "-1"), ("MAX_CONCURRENT_JOBS", "0"),
        ("MAX_CONCURRENT_CALLS", "x"),
        ("MAX_SSE_CLIENTS", "0"), ("LLM_TIMEOUT_S", "0"), ("CORS_ALLOWED_ORIGINS", "[1"),
        ("MODEL_PRICES", "cheap"), ("MODEL_PRICES", "[]"), ("MODEL_PRICES", '{"m": {"input": 1}}'),
        ("MODEL_PRICES", '{"m": {"input": -1, "output": 1}}'), ("MODEL_PRICES", '{"m": {"input": NaN, "output": 1}}'),
        ("MODEL_PRICES", "3"), ("MODEL_PRICES", "null"), ("MODEL_PRICES", '{"m": 3}'), ("MODEL_PRICES", "[" * 50_000),
        ("MODEL_PRICES", '{"m": {"input": "1", "output": 1}}'), ("MODEL_PRICES", '{"m": {"input": true, "output": 1}}'),
        ("MODEL_PRICES", '{"m": {"input": 1e999, "output": 1}}'),
        ("MODEL_PRICES", '{"m": {"input": 1, "output": null}}'),
        ("MODEL_PRICES", '{"m": {"input": 1, "output": 1, "cached": 1}}'),
        ("MODEL_PRICES", '{"m": {"input": 1, "output": 1}, "m": {"input": 2, "output": 1}}'),
        ("LLM_BASE_URL", "localhost:8000"), ("LLM_BASE_URL", "http://"), ("LLM_BASE_URL", "http://a/v1?key=b"),
        ("LLM_API_KEY", "sk"), ("JUDGE_BASE_URL", "http://127.0.0.1:9/v1"), ("OPENAI_API_KEY", "a b"),
        ("OPENROUTER_API_KEY", "schlüssel"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named(load, name, value) -> None:
    with pytest.raises(ConfigurationError, match=name):
        load(**{name: value})


@pytest.mark.parametrize("name", ["JUDGE_BASE_URL", "REFLECTION_BASE_URL"])
def test_the_address_of_a_role_is_checked_too(load, name) -> None:
    with pytest.raises(ConfigurationError, match=name):
        load(**REAL, **{name: "ftp://a"})


@pytest.mark.parametrize("role", ["JUDGE", "REFLECTION"])
def test_a_limit_per_minute_belongs_to_an_address(load, role) -> None:
    with pytest.raises(ConfigurationError, match=f"^{role}_BASE_URL: .*{role}_REQUESTS_PER_MIN"):
        load(**REAL, **{f"{role}_REQUESTS_PER_MIN": "60"})
    assert load(**{f"{role}_BASE_URL": "http://127.0.0.1:9/v2"}).model_fields_set


JUDGE, REFLECTION = (
    {f"{role}_BASE_URL": f"http://{role}/v1", f"{role}_API_KEY": role} for role in ("JUDGE", "REFLECTION")
)
OTHER = {"REFLECTION_MODEL_ID": "r"}


@pytest.mark.parametrize(
    ("variables", "judged_with", "reflected_with"),
    [
        ({}, "LLM", "LLM"), (JUDGE, "JUDGE", "JUDGE"), ({**JUDGE, **OTHER}, "JUDGE", "LLM"), (OTHER, "LLM", "LLM"),
        (REFLECTION, "LLM", "REFLECTION"), ({**JUDGE, **REFLECTION}, "JUDGE", "REFLECTION"),
        ({**JUDGE, **REFLECTION, **OTHER}, "JUDGE", "REFLECTION"),
    ],
)  # fmt: skip
def test_a_reflector_that_is_the_judges_model_is_asked_where_the_judge_is(
    load, variables, judged_with, reflected_with
) -> None:
    found = providers_of(load(**REAL, LLM_API_KEY="LLM", **variables))
    asked = {role: (each.endpoint.base_url, each.endpoint.api_key) for role, each in found.items()}
    at = {"LLM": REAL["LLM_BASE_URL"], **{name: f"http://{name}/v1" for name in ("JUDGE", "REFLECTION")}}
    places = {Role.TARGET: "LLM", Role.JUDGE: judged_with, Role.REFLECTOR: reflected_with}
    assert asked == {role: (at[name], name) for role, name in places.items()}
    for each in set(found.values()):
        each.close()


@pytest.mark.parametrize(("judge_url", "shared", "fit"), [("/v1", True, 3), ("/v2", False, 5)])
def test_roles_with_one_address_share_its_limits_and_the_smallest_holds(load, judge_url, shared, fit) -> None:
    limits = {"LLM_REQUESTS_PER_MIN": "5", "JUDGE_REQUESTS_PER_MIN": "3"}
    found = providers_of(load(**REAL, **limits, JUDGE_BASE_URL=f"http://127.0.0.1:9{judge_url}"))
    target = found[Role.TARGET]
    assert (found[Role.JUDGE] is target, found[Role.REFLECTOR] is target) == (shared, shared)
    sent = 0
    while target.throttle.admits(0.0):
        sent = target.throttle.begin(0.0)
    assert sent == fit
    for each in set(found.values()):
        each.close()


def test_a_secret_is_not_in_the_error(load) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(API_BEARER_TOKENS='["canary 1"]', OPENAI_API_KEY="canary 2")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.org", "::"])  # noqa: S104 - refused is the point
def test_without_authentication_only_loopback_is_bound(load, host) -> None:
    with pytest.raises(ConfigurationError, match="HOST"):
        load(REQUIRE_AUTH="false", HOST=host)


def test_an_insecure_bind_can_be_allowed(load) -> None:
    assert load(REQUIRE_AUTH="false", HOST="192.168.1.5", ALLOW_INSECURE_BIND="true").host == "192.168.1.5"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_without_authentication_no_token_is_needed(load, host) -> None:
    assert not load(REQUIRE_AUTH="false", API_BEARER_TOKENS="", HOST=host).require_auth


def test_without_a_key_the_simulator_answers(load) -> None:
    assert load().simulated


@pytest.mark.parametrize(
    ("variables", "base_url", "key"),
    [
        ({"OPENAI_API_KEY": "a"}, "https://api.openai.com/v1", "a"),
        ({"OPENROUTER_API_KEY": "b", "OPENAI_API_KEY": "a"}, "https://openrouter.ai/api/v1", "b"),
        ({"LLM_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "a"}, "http://127.0.0.1:9/v1", ""),
        ({"LLM_BASE_URL": "http://127.0.0.1:9/v1", "LLM_API_KEY": "c"}, "http://127.0.0.1:9/v1", "c"),
    ],
)
def test_a_key_goes_to_its_own_endpoint(load, variables, base_url, key) -> None:
    settings = load(**variables, JUDGE_MODEL_ID="j", TARGET_MODEL_DEFAULT="t")
    assert (settings.base_url, settings.api_key.get_secret_value()) == (base_url, key)


@pytest.mark.parametrize("missing", ["JUDGE_MODEL_ID", "TARGET_MODEL_DEFAULT"])
def test_real_models_must_be_named(load, missing) -> None:
    with pytest.raises(ConfigurationError, match=missing):
        load(**{name: value for name, value in REAL.items() if name != missing})


def test_prices_are_json(load) -> None:
    prices = {"acme/small": {"input": 0.5, "output": 2}}
    assert load(MODEL_PRICES=json.dumps(prices)).model_prices == prices


def test_a_file_beside_the_server_counts_less_than_the_environment(load, tmp_path) -> None:
    (tmp_path / ".env").write_text("MAX_ITERATIONS=7\nSSE_RETRY_MS=5\nSOMETHING_ELSE=1\n")
    settings = load(MAX_ITERATIONS="9")
    assert (settings.max_iterations, settings.sse_retry_ms) == (9, 5)


def test_a_file_that_is_no_text_is_refused(load, tmp_path) -> None:
    (tmp_path / ".env").write_bytes(b"MAX_ITERATIONS=\xff\xfe\n")
    with pytest.raises(ConfigurationError):
        load()


def test_settings_are_handed_down_whatever_becomes_of_the_file(load, tmp_path, monkeypatch) -> None:
    (tmp_path / ".env").write_text(
        "API_BEARER_TOKENS=one,two\nREQUIRE_AUTH=true\nDRAIN_TIMEOUT_S=2.5\nDATABASE_PATH=here.sqlite3\n"
        f"MODEL_PRICES={json.dumps({'m': {'input': 1, 'output': 2}})}\nCORS_ALLOWED_ORIGINS=https://a.example\n"
    )
    settings = load(API_BEARER_TOKENS="")
    assert tokens(settings) == ["one", "two"]
    for name, value in settings.as_environment().items():
        monkeypatch.setenv(name, value)
    (tmp_path / ".env").write_text("API_BEARER_TOKENS=three\nPORT=none\n")
    assert load_settings() == settings


@pytest.mark.parametrize(
    "origin",
    [
        "*", "null", "example.org", "https://", "https://example.org/", "https://example.org/app", "https://Example.org",
        "HTTPS://example.org", "https://example.org:443", "http://example.org:80", "https://example.org:http",
        "https://a@example.org", "https://exämple.org", "https://example.org?x", "https://*.example.org",
    ],
)  # fmt: skip
def test_what_no_browser_sends_as_an_origin_is_refused(load, origin) -> None:
    with pytest.raises(ConfigurationError, match=r"CORS_ALLOWED_ORIGINS.*is not an origin") as caught:
        load(CORS_ALLOWED_ORIGINS=f"https://good.example,{origin}")
    assert repr(origin) in str(caught.value)


def test_origins_are_taken_as_browsers_send_them(load) -> None:
    origins = (
        "https://example.org", "http://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:5000",
        "http://example.org:443", "chrome-extension://abcdefghijklmnop",
    )  # fmt: skip
    assert load(CORS_ALLOWED_ORIGINS=",".join(origins)).cors_allowed_origins == origins


@pytest.mark.parametrize(("text", "said"), [(None, "cannot be read"), ("not a certificate", "no PEM certificates")])
def test_a_file_without_certificates_is_refused(load, tmp_path, text, said) -> None:
    if text is not None:
        (tmp_path / "ca.pem").write_text(text)
    with pytest.raises(ConfigurationError, match=f"LLM_CA_FILE: .*{said}"):
        load(LLM_CA_FILE="ca.pem", **REAL)


@pytest.mark.parametrize(
    "text", ["agents.example", "ftp://a.example/", "https://a.example/%61", "https://a.example/?k=1"]
)
def test_what_cannot_be_the_url_of_a_program_is_refused_by_name(load, text) -> None:
    with pytest.raises(ConfigurationError, match=r"PROGRAM_URLS: .* the (path of the )?URL"):
        load(PROGRAM_URLS=f"https://fine.example/,{text}")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"DASK_SCHEDULER": "http://10.0.0.5:8786"}, "DASK_SCHEDULER: the address of a Dask scheduler"),
        ({"DASK_SCHEDULER": "tcp://10.0.0.5:8786", "RUNNER": "thread"}, "not with RUNNER=thread"),
    ],
)
def test_a_cluster_that_cannot_be_used_is_refused(monkeypatch, variables, words) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=words):
        load_settings(require_auth=False)


@pytest.mark.parametrize("name", ["OPENROUTER_API_KEY", "LLM_API_KEY"])
def test_a_placeholder_is_no_key(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "sk-or-replace-me")
    with pytest.raises(ConfigurationError, match=f"^{name}: replace-me stands where a key belongs") as caught:
        load_settings(_env_file=None, require_auth=False)
    assert "sk-or" not in str(caught.value)
