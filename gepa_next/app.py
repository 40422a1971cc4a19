"""The application: where settings become parts and parts are put together."""

import gc
import logging
import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask
from prometheus_client import CollectorRegistry
from werkzeug.middleware.proxy_fix import ProxyFix

from gepa_next.api.bank import examples
from gepa_next.api.comparisons import comparisons
from gepa_next.api.description import openapi
from gepa_next.api.edge.access_lines import register_access_lines
from gepa_next.api.edge.application import Application
from gepa_next.api.edge.auth import register_auth
from gepa_next.api.edge.errors import register_error_handlers
from gepa_next.api.edge.headers import register_headers
from gepa_next.api.edge.rates import RateLimiter
from gepa_next.api.edge.wiring import EXTENSION, Access, Limits, Wiring
from gepa_next.api.evidence import evidence
from gepa_next.api.forks import forks
from gepa_next.api.jobs import actions, events, optimize, quotes
from gepa_next.api.pins import pins, retests
from gepa_next.api.service import health, metrics
from gepa_next.config import Settings, load_settings
from gepa_next.elsewhere import QUEUED_S
from gepa_next.llm.program_urls import ProgramUrls
from gepa_next.metering import collector_of, meter_of
from gepa_next.roles import judge_watch_of, models_for, roles_of, ways_of
from gepa_next.runner.brake import DiskBrake
from gepa_next.runner.runner import Runner
from gepa_next.store.database import Database
from gepa_next.store.quotas import Quota
from gepa_next.streaming.places import Places
from gepa_next.streaming.stream import StreamSettings
from gepa_next.streaming.subscription import Holder
from gepa_next.streaming.tailer import Tailer
from gepa_next.telemetry.http import measure_requests
from gepa_next.telemetry.measures import Measures
from gepa_next.telemetry.meter import Meter
from gepa_next.tokens.book import TokenBook
from gepa_next.tokens.key import ticket_key
from gepa_next.web import assets, comparing, data, docs, pages, session
from gepa_next.web.forms import asking, ordering

log = logging.getLogger(__name__)

RUNNER_EXTENSION = "gepa_next_runner"
METER_EXTENSION = "gepa_next_meter"
FAILURES_PER_MIN = 30
MEGABYTE = 1024 * 1024
# What the web process takes to go, one after the other: under 3 s, whatever is asked of it meanwhile.
LOOK_S = 0.2  # until the signal is seen
NOTICE_S = 1.0  # not ready, but serving
LAST_REQUESTS_S = 1.0  # at most, for whoever still talks when the streams have ended
CLOSE_S = 0.3  # for whoever writes then
LOOK_UP_S = 10.0  # a name server's part of a call, which no deadline covers
BLUEPRINTS = (
    optimize,
    quotes,
    forks,
    comparisons,
    actions,
    events,
    evidence,
    examples,
    pins,
    retests,
    health,
    metrics,
    openapi,
)
WEB_BLUEPRINTS = (docs, pages, asking, ordering, comparing, session, data, assets)


def create_app(settings: Settings) -> Flask:
    """Return the application, its database open; call it after forking."""
    app = Application("gepa_next", static_folder=None, template_folder="web/templates")
    app.url_map.merge_slashes = False  # two are no slip of ours: nothing is there
    app.config["MAX_CONTENT_LENGTH"] = settings.max_request_bytes
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]  # as Flask says
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's default provider has it
    database = Database(settings.database_path)
    tokens = _token_book(settings)
    measures = Measures("web")
    places = Places(settings.max_sse_clients)
    tailer = Tailer(
        database,
        ping_interval_s=settings.sse_ping_interval_s,
        find_refused=lambda: _refused(places, tokens),
        note_delay=measures.note_delay,
        note_fallen_behind=measures.note_fallen_behind,
    )
    measures.clients.set_function(lambda: places.taken)
    measures.token_file_unusable.set_function(tokens.file_is_unusable)
    app.extensions[EXTENSION] = _wiring(settings, database, tailer, places, tokens)
    _register_telemetry(app, settings, measures)
    register_headers(app)
    register_access_lines(app)
    register_auth(app)
    register_error_handlers(app)
    for module in (*BLUEPRINTS, *WEB_BLUEPRINTS):
        app.register_blueprint(module.bp)
    if settings.runner == "thread":
        runner = create_runner(settings, database, measures)
        runner.start()
        app.extensions[RUNNER_EXTENSION] = runner
    return app


def create_app_from_environment() -> Flask:
    """Return the application with the settings of the environment; ConfigurationError if they are wrong."""
    return create_app(load_settings())


def _register_telemetry(app: Flask, settings: Settings, measures: Measures) -> None:
    """Measure requests, and have what a scraper reads at hand."""
    parts: Wiring = app.extensions[EXTENSION]
    meter = meter_of(parts.database, measures)
    collector = collector_of(
        parts.database,
        measures,
        meter,
        judge_model_id=roles_of(settings).judge_model_id,
        looked_s=lambda: parts.tailer.last_look_s,
    )
    registry = CollectorRegistry()
    registry.register(collector)
    measure_requests(app, measures.registry)
    app.extensions[metrics.EXTENSION] = (registry, collector)
    app.extensions[METER_EXTENSION] = meter


def start_meter(app: Flask) -> None:
    """Have what this process measures written now and again, for whoever scrapes another one."""
    meter: Meter = app.extensions[METER_EXTENSION]
    meter.start()


def commit_by(app: Flask, run: Callable[[Callable[[], None]], None]) -> None:
    """Have `run` run what waits for the disk, so that the application can serve others meanwhile."""
    parts: Wiring = app.extensions[EXTENSION]
    parts.database.commit_by(run)


def spare_what_is_loaded() -> None:
    """Have Python's collections of cycles pass over all that there is by now: to look through it stops every stream."""
    gc.collect()
    gc.freeze()


def create_runner(settings: Settings, database: Database, measures: Measures | None = None) -> Runner:
    """Return a runner on the database, not yet started; the measures show what it has under way."""
    measures = measures or Measures("runner")
    ways = ways_of(settings, note_retry=measures.note_retry)
    runner = Runner(
        database,
        models_for(settings, ways),
        concurrent_jobs=settings.max_concurrent_jobs,
        concurrent_calls=settings.max_concurrent_calls,
        longest_call_s=settings.llm_timeout_s + LOOK_UP_S + (QUEUED_S if ways.elsewhere else 0),
        kill_hung=settings.kill_hung_runners,
        brake=DiskBrake(settings.database_path.parent, least_free_bytes=settings.min_free_disk_mb * MEGABYTE),
        checks_judge=judge_watch_of(settings, ways),
        elsewhere=ways.elsewhere,
    )
    measures.calls_running.set_function(lambda: runner.calls_under_way)
    return runner


def begin_shutdown(app: Flask, *, settings: Settings, notice_s: float = NOTICE_S) -> None:
    """Say not ready at once; after the notice end the streams, and drain the runner if it is in this process."""
    parts: Wiring = app.extensions[EXTENSION]
    parts.draining.set()
    time.sleep(notice_s)
    parts.tailer.stop()
    if (runner := app.extensions.get(RUNNER_EXTENSION)) is not None:
        runner.drain(settings.drain_timeout_s)


def close_app(app: Flask) -> None:
    """Close the database, so that its file is whole when nobody else has it open; whoever writes is not waited for."""
    parts: Wiring = app.extensions[EXTENSION]
    app.extensions[METER_EXTENSION].stop()
    parts.database.close(patience_s=CLOSE_S)


def _token_book(settings: Settings) -> TokenBook:
    return TokenBook(
        settings.tokens(),
        path=Path(settings.api_tokens_file) if settings.require_auth and settings.api_tokens_file else None,
        copy=_beside(settings.database_path, ".tokens"),
    )


def _refused(places: Places, tokens: TokenBook) -> set[Holder]:
    """Return who has streams open with a token that may not read any more."""
    shown = (each for each in places.holders() if each.credential)
    return {each for each in shown if not tokens.lets(each.credential, owner=each.owner, scope="read")}


def _wiring(settings: Settings, database: Database, tailer: Tailer, places: Places, tokens: TokenBook) -> Wiring:
    return Wiring(
        database=database,
        tailer=tailer,
        places=places,
        access=Access(
            required=settings.require_auth,
            tokens=tokens,
            ticket_key=ticket_key(_beside(settings.database_path, ".key")),
            metrics_required=settings.metrics_require_auth,
            origins=settings.cors_allowed_origins,
        ),
        limits=Limits(
            request_bytes=settings.max_request_bytes,
            iterations=settings.max_iterations,
            queued_jobs=settings.max_queued_jobs,
            of_an_owner=Quota(
                jobs=settings.owner_max_jobs,
                examples=settings.owner_max_examples,
                stored_bytes=settings.owner_max_stored_mb * MEGABYTE,
            ),
            streams_of_owner=settings.owner_max_streams,
            idempotency_ttl_s=settings.idempotency_ttl_s,
            free_disk_bytes=settings.min_free_disk_mb * MEGABYTE,
        ),
        roles=roles_of(settings),
        programs=ProgramUrls(settings.program_urls),
        stream=StreamSettings(retry_ms=settings.sse_retry_ms, longest_s=settings.max_stream_age_s),
        requests=RateLimiter(per_minute=settings.rate_limit_per_min, burst=settings.rate_limit_burst),
        openings=RateLimiter(per_minute=settings.rate_limit_per_min, burst=settings.rate_limit_burst),
        failures=RateLimiter(per_minute=FAILURES_PER_MIN, burst=FAILURES_PER_MIN),
        runner_expected=settings.runner != "none",
        public_settings=settings.public(),
    )


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
