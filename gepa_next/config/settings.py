"""Every setting, from the environment and `.env`, checked at start."""

import json
import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gepa_next.config.values import Certificates, Origins, PriceTable, Programs, Scheduler, Tokens
from gepa_next.errors import ConfigurationError
from gepa_next.llm.endpoint import Endpoint
from gepa_next.tokens.book import read_tokens, said
from gepa_next.tokens.lines import SCOPES, Token, digest_of_token

OPENROUTER_URL = "https://openrouter.ai/api/v1"
OPENAI_URL = "https://api.openai.com/v1"
SECRET = frozenset(
    {"api_bearer_tokens", "openrouter_api_key", "openai_api_key", "llm_api_key", "judge_api_key", "reflection_api_key"}
)
# Who comes while thousands connect waits there; whom the kernel drops tries again after a second.
BACKLOG = 4096
PLACEHOLDER = "replace-me"  # as in docs/deploy/gepa-next.env
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


# Set in the processes of a server: all settings are in the environment, as they were when it started.
HANDED_DOWN_VARIABLE = "GEPA_NEXT_SETTINGS_HANDED_DOWN"


class Settings(BaseSettings):
    """Every setting; a field's name in capitals is its variable."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True, allow_inf_nan=False
    )

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["auto", "json", "text"] = "auto"
    database_path: Path = Path("instance/gepa_next.sqlite3")

    api_bearer_tokens: Tokens = ()
    api_tokens_file: str = ""
    require_auth: bool = True
    trusted_proxies: int = Field(0, ge=0, le=10)
    allow_insecure_bind: bool = False
    metrics_require_auth: bool = False
    cors_allowed_origins: Origins = ()
    rate_limit_per_min: int = Field(600, ge=0)
    rate_limit_burst: int = Field(100, ge=1)
    owner_max_jobs: int = Field(0, ge=0)
    owner_max_examples: int = Field(0, ge=0)
    owner_max_stored_mb: int = Field(0, ge=0, le=1_000_000_000)
    max_request_bytes: int = Field(4 * 1024 * 1024, ge=1024)
    idempotency_ttl_s: float = Field(86_400, gt=0)

    runner: Literal["process", "thread", "none"] = "process"
    max_concurrent_jobs: int = Field(4, ge=1, le=256)
    max_concurrent_calls: int = Field(50, ge=1, le=1000)
    max_queued_jobs: int = Field(100, ge=1)
    max_iterations: int = Field(100, ge=1)
    drain_timeout_s: float = Field(30, ge=0, le=86_400)
    kill_hung_runners: bool = True
    min_free_disk_mb: int = Field(64, ge=0)
    dask_scheduler: Scheduler = ""

    sse_retry_ms: int = Field(2000, ge=1)
    sse_ping_interval_s: float = Field(15, gt=0, le=3600)
    max_sse_clients: int = Field(1000, ge=1)
    owner_max_streams: int = Field(0, ge=0)
    max_stream_age_s: float = Field(3600, gt=0, le=604_800)

    target_model_default: str = ""
    judge_model_id: str = ""
    reflection_model_id: str = ""
    openrouter_api_key: SecretStr = SecretStr("")
    openai_api_key: SecretStr = SecretStr("")
    llm_base_url: str = ""
    llm_api_key: SecretStr = SecretStr("")
    judge_base_url: str = ""
    judge_api_key: SecretStr = SecretStr("")
    reflection_base_url: str = ""
    reflection_api_key: SecretStr = SecretStr("")
    model_prices: PriceTable = Field(default_factory=dict)
    llm_timeout_s: float = Field(120, gt=0, le=3600)
    llm_requests_per_min: int = Field(0, ge=0, le=1_000_000)
    judge_requests_per_min: int = Field(0, ge=0, le=1_000_000)
    reflection_requests_per_min: int = Field(0, ge=0, le=1_000_000)
    provider_patience_s: float = Field(300, ge=0, le=86_400)
    llm_ca_file: Certificates = ""
    judge_check_interval_s: float = Field(86_400, ge=0, le=31_536_000)
    program_urls: Programs = ()
    program_private_addresses: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        if self.require_auth and not (self.api_bearer_tokens or self.api_tokens_file):
            raise ValueError(
                "API_BEARER_TOKENS: set at least one token, or API_TOKENS_FILE, or start with --dev on loopback"
            )
        if not self.require_auth and self.host not in LOOPBACK and not self.allow_insecure_bind:
            raise ValueError("HOST: without authentication only a loopback address, or set ALLOW_INSECURE_BIND=true")
        if self.dask_scheduler and self.runner == "thread":
            raise ValueError("DASK_SCHEDULER: not with RUNNER=thread, for Dask cannot share a process with the server")
        self._refuse_placeholders()
        self._check_endpoints()
        if not self.simulated and not (self.judge_model_id and self.target_model_default):
            raise ValueError("JUDGE_MODEL_ID, TARGET_MODEL_DEFAULT: set both when a key or base URL is given")
        return self

    def _refuse_placeholders(self) -> None:
        for name in sorted(SECRET - {"api_bearer_tokens"}):
            if PLACEHOLDER in getattr(self, name).get_secret_value():
                raise ValueError(
                    f"{name.upper()}: {PLACEHOLDER} stands where a key belongs; put it there,"
                    " or take the line out, and the built-in simulator answers if no other key or base URL is set"
                )

    def _check_endpoints(self) -> None:
        for role in ("LLM", "JUDGE", "REFLECTION"):
            name = f"{role}_BASE_URL"
            base_url: str = getattr(self, name.lower())
            key: SecretStr = getattr(self, f"{role}_API_KEY".lower())
            if key.get_secret_value() and not base_url:
                raise ValueError(f"{name}: set it beside {role}_API_KEY")
            if role != "LLM" and getattr(self, f"{role}_REQUESTS_PER_MIN".lower()) and not base_url:
                raise ValueError(f"{name}: set it beside {role}_REQUESTS_PER_MIN, or set LLM_REQUESTS_PER_MIN")
            if base_url and self.simulated:
                raise ValueError(f"LLM_BASE_URL: the target has no endpoint; {name} alone is not enough")
            _check_endpoint(name, base_url, key)
        _check_endpoint("OPENROUTER_API_KEY", OPENROUTER_URL, self.openrouter_api_key)
        _check_endpoint("OPENAI_API_KEY", OPENAI_URL, self.openai_api_key)

    def tokens(self) -> tuple[Token, ...]:
        """Return the tokens of API_BEARER_TOKENS, which may do everything; each is its own owner."""
        digests = [digest_of_token(each.get_secret_value()) for each in self.api_bearer_tokens]
        return tuple(Token(digest=each, owner=digest_of_token(each)[:16], scopes=frozenset(SCOPES)) for each in digests)

    def check_token_file(self) -> None:
        """Raise ConfigurationError if API_TOKENS_FILE cannot be used; later, a file that cannot changes nothing."""
        if not self.api_tokens_file or not self.require_auth:
            return
        try:
            read_tokens(Path(self.api_tokens_file), taken={each.digest for each in self.tokens()})
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"API_TOKENS_FILE: {self.api_tokens_file}: {said(error)}") from None

    def public(self) -> dict[str, object]:
        """Return the settings that are no secrets, by variable."""
        shown = self.model_dump(mode="json", exclude=set(SECRET))
        return {name.upper(): value for name, value in shown.items()}

    def as_environment(self) -> dict[str, str]:
        """Return the variables that make the same settings whatever becomes of `.env`, secrets included."""
        given = {name.upper(): _as_text(getattr(self, name)) for name in self.model_fields_set}
        return given | {HANDED_DOWN_VARIABLE: "true"}

    def secrets(self) -> tuple[str, ...]:
        """Return every secret that is known here, for the log to hide."""
        keys: list[SecretStr] = [getattr(self, name) for name in sorted(SECRET - {"api_bearer_tokens"})]
        return tuple(each.get_secret_value() for each in (*self.api_bearer_tokens, *keys) if each.get_secret_value())

    @property
    def simulated(self) -> bool:
        """Whether the built-in simulator answers: no key and no base URL of any kind is set."""
        return not self.base_url

    @property
    def base_url(self) -> str:
        """The endpoint of the target, and of the roles that have none of their own; empty if simulated."""
        if self.llm_base_url:
            return self.llm_base_url
        if self.openrouter_api_key.get_secret_value():
            return OPENROUTER_URL
        return OPENAI_URL if self.openai_api_key.get_secret_value() else ""

    @property
    def api_key(self) -> SecretStr:
        """The key that belongs to `base_url`."""
        if self.llm_base_url:
            return self.llm_api_key
        return self.openrouter_api_key if self.openrouter_api_key.get_secret_value() else self.openai_api_key


def _as_text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value) if isinstance(value, str | Path) else json.dumps(value, default=_as_text)


def _check_endpoint(name: str, base_url: str, key: SecretStr) -> None:
    """Raise ValueError where the model client would, but at start and with the variable's name."""
    try:
        if base_url:
            Endpoint(base_url, key.get_secret_value())
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def load_settings(**overrides: object) -> Settings:
    """Return the settings; ConfigurationError names the variable that is wrong."""
    if HANDED_DOWN_VARIABLE in os.environ:
        overrides = {"_env_file": None, **overrides}
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # checked by pydantic, not by the caller
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = "".join(str(part) for part in first["loc"][:1]).upper()
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"{name}: {message}" if name else message) from None
    except ValueError as error:  # a .env file that is not UTF-8
        raise ConfigurationError(str(error)) from None
