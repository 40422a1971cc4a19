"""What the service has must stand in its documentation, and what stands there it must have."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from prometheus_client.parser import text_string_to_metric_families

import gepa_next
from gepa_next.api.comparisons.shapes import ComparisonBody
from gepa_next.api.comparisons.states import (
    ComparedQuoteState,
    ComparedState,
    ComparisonQuoteState,
    ComparisonState,
    DifferenceState,
    LatencyState,
)
from gepa_next.api.description.document import document
from gepa_next.api.edge.errors import STATUS_BY_CODE
from gepa_next.api.edge.wiring import EXTENSION
from gepa_next.api.evidence.artifacts import ARTIFACTS
from gepa_next.api.forks.shapes import ForkBody
from gepa_next.api.jobs.metric_shapes import SHAPES
from gepa_next.api.jobs.quote_state import QuoteState, RoleCallState, SmallestGainState, TokensState, WarningState
from gepa_next.api.jobs.schemas import (
    BankBody,
    BudgetBody,
    ConstraintsBody,
    ExampleBody,
    OptimizeBody,
    PinBody,
    RetestBody,
    RetestExamplesBody,
    SplitBody,
)
from gepa_next.api.jobs.states import BudgetState, ForkState, JobState, JudgeState, RetestState, SpentState, WarnedState
from gepa_next.api.pins.states import ActivationState, PinState, RetestItem
from gepa_next.api.service.health import CHECKS, NOTICES
from gepa_next.app import BLUEPRINTS, WEB_BLUEPRINTS, create_app
from gepa_next.cli.command import parser
from gepa_next.config import SECRET, Settings
from gepa_next.gepa.operators import MENU
from gepa_next.gepa.outages import ANSWERED, FEWEST_UNREADABLE, IN_A_ROW, LATEST
from gepa_next.gepa.state import REMEMBERED
from gepa_next.gepa.warning import WARNINGS
from gepa_next.llm.failure import Fault
from gepa_next.llm.faults import FAULTS
from gepa_next.logs import FACTS
from gepa_next.metrics import JUDGE, METRICS, PROGRAM
from gepa_next.models import JobStatus
from gepa_next.telemetry.collector import HELP, JOB_ENDS, VITALS
from gepa_next.telemetry.measures import Measures
from gepa_next.tokens.lines import LIMITS
from tests.docs.pages import PAGES, page, row_of, rows, words_in_code

PACKAGE = Path(gepa_next.__file__).parent
MEASURED = [
    f"{family.name}_total" if family.type == "counter" else family.name for family in Measures("web").registry.collect()
]
SCORED_BY = {JUDGE, PROGRAM, *METRICS}


Routes = set[tuple[str, str]]


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Routes]:
    """Yield (method, path) of every route, with {name} for a variable."""
    database_path = tmp_path_factory.mktemp("docs") / "docs.sqlite3"
    app = create_app(Settings(_env_file=None, require_auth=False, runner="none", database_path=database_path))
    yield {
        (method, re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    app.extensions[EXTENSION].database.close()


def test_every_route_is_documented_and_every_documented_route_exists(routes: Routes) -> None:
    documented = {
        tuple(found[1].split(" ", 1))
        for row in rows("API.md")
        if (found := re.fullmatch(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`]*)`", row[0]))
    }
    assert documented == routes


def test_no_page_mentions_a_path_that_is_not_served(routes: Routes) -> None:
    served = [re.compile(re.sub(r"\{\w+\}", "[^/]+", path)) for _, path in routes]
    named = {found for each in PAGES for found in re.findall(r"(?<!\w)/v1/[\w/{}$.-]*[\w}]", each.read_text("utf-8"))}
    assert [path for path in named if not any(rule.fullmatch(path) for rule in served)] == []


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented(name: str) -> None:
    assert row_of("configuration.md", name.upper())


@pytest.mark.parametrize("name", sorted(SECRET))
def test_every_secret_is_called_one(name: str) -> None:
    assert "secret" in " ".join(row_of("configuration.md", name.upper()))


@pytest.mark.parametrize("name", [each for each in Settings.model_fields if each not in SECRET])
def test_every_default_is_the_documented_one(name: str) -> None:
    default = Settings.model_fields[name].get_default(call_default_factory=True)
    said = row_of("configuration.md", name.upper())[1]
    assert said.strip("`") == written(default) or (default == "" and said == "the judge's")


def written(default: object) -> str:
    """Return a default as a table shows it."""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, int | float):
        return str(int(default))
    return "none" if default in ("", ()) else str(default)


def test_no_setting_is_documented_that_does_not_exist() -> None:
    variables = {
        word
        for row in rows("configuration.md")
        for word in words_in_code(row[0])
        if re.fullmatch(r"[A-Z][A-Z_]+", word) and "gepa-next" not in row[0]
    }
    assert variables == {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize(("code", "status"), STATUS_BY_CODE.items())
def test_every_error_code_is_documented_with_its_status(code: str, status: int) -> None:
    assert row_of("API.md", code)[1] == str(status)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_fault_is_documented_as_it_is(fault: Fault) -> None:
    yes = {True: "yes", False: "no"}
    assert row_of("faults.md", fault.name) == [
        f"`{fault.name}`",
        f"`{fault.code}`",
        fault.shows,
        "no limit" if fault.retries is None else str(fault.retries),
        str(fault.wait),
        yes[fault.budgeted],
        str(fault.paid),
        fault.said,
        fault.job,
        fault.advice,
    ]


def test_every_outage_is_documented_with_its_limits() -> None:
    codes = re.findall(r'_ending\(\s*"(\w+)"', (PACKAGE / "gepa" / "outages.py").read_text(encoding="utf-8"))
    assert len(codes) == 3
    assert set(codes) <= words_in_code(" ".join(row_of("API.md", "error")))
    said = {code: row_of("faults.md", code)[1] for code in codes}
    assert {IN_A_ROW, LATEST} <= numbers(said["too_many_errors"])
    assert {REMEMBERED, FEWEST_UNREADABLE} <= numbers(said["judge_unreadable"])


def test_what_a_candidate_may_be_the_cause_of_are_codes_of_faults_metrics_and_programs() -> None:
    sources = "".join(each.read_text(encoding="utf-8") for each in (PACKAGE / "metrics").glob("*.py"))
    of_metrics = re.findall(r'unscorable\(\s*"(\w+)"', sources)
    of_programs = re.findall(r'ModelError\(\s*"(\w+)"', (PACKAGE / "gepa" / "program.py").read_text(encoding="utf-8"))
    assert {*(each.code for each in FAULTS), *of_metrics, *of_programs} >= ANSWERED
    assert words_in_code(page("faults.md").partition("## Outages")[2]) >= ANSWERED


def numbers(text: str) -> set[int]:
    return {int(found) for found in re.findall(r"\d+", text)}


@pytest.mark.parametrize("name", ARTIFACTS)
def test_every_artifact_is_documented(name: str) -> None:
    assert row_of("API.md", name)


@pytest.mark.parametrize("name", sorted(SCORED_BY))
def test_every_way_to_score_is_documented(name: str) -> None:
    assert row_of("GEPA.md", name)
    assert f"`{name}`" in row_of("API.md", "metric")[1]


def test_the_request_offers_what_there_is_to_score_by() -> None:
    assert set(SHAPES) == SCORED_BY


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_every_parameter_of_a_metric_is_documented(name: str) -> None:
    parameters = {field.validation_alias or key for key, field in SHAPES[name].model_fields.items()}
    assert parameters - {"name", "weight"} <= words_in_code(" ".join(row_of("API.md", name)))


@pytest.mark.parametrize("name", MENU)
def test_every_operator_is_documented(name: str) -> None:
    assert row_of("GEPA.md", name)


@pytest.mark.parametrize("name", [*CHECKS, *NOTICES])
def test_every_check_of_readiness_is_documented(name: str) -> None:
    assert row_of("operations.md", name)


@pytest.mark.parametrize("name", HELP)
def test_every_counter_is_documented(name: str) -> None:
    assert row_of("operations.md", f"gepa_{name}_total")


@pytest.mark.parametrize(
    "name",
    [
        *VITALS,
        *(f"gepa_{name}" for name in VITALS),
        *(f"jobs_{end}" for end in JOB_ENDS),
    ],
)
def test_every_gauge_and_flat_number_is_documented(name: str) -> None:
    assert name in words_in_code(page("operations.md"))


@pytest.mark.parametrize("name", MEASURED)
def test_every_instrument_is_documented(name: str) -> None:
    assert row_of("operations.md", name)


def test_every_metric_that_is_scraped_is_documented(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, require_auth=False, runner="none", database_path=tmp_path / "docs.sqlite3")
    app = create_app(settings)
    scraped = app.test_client().get("/v1/metrics").text
    app.extensions[EXTENSION].database.close()
    found = {name + ("_total" if kind == "counter" else "") for name, kind in typed(scraped)}
    documented = {word.partition("{")[0] for row in rows("operations.md") for word in in_code(row[0])}
    assert len(found) > 20
    assert found - documented == set()


def typed(scraped: str) -> set[tuple[str, str]]:
    return {(each.name, each.type) for each in text_string_to_metric_families(scraped)}


def in_code(text: str) -> list[str]:
    return re.findall(r"`([^`]*)`", text)


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_of_an_owner_is_documented_with_its_setting_and_its_refusal(name: str) -> None:
    found = [row for row in rows("security.md") if row[0] == f"`{name}`"]
    assert len(found) == 1
    settings, codes = (words_in_code(cell) for cell in found[0][1:])
    assert {each.lower() for each in settings} <= set(Settings.model_fields)
    assert codes & set(STATUS_BY_CODE)


@pytest.mark.parametrize("line", [row[0] for row in rows("troubleshooting.md")[-8:]])
def test_every_line_of_the_log_that_is_explained_is_one_that_is_written(line: str) -> None:
    written = re.sub(r"%\S+ ?", "… ", "".join(each.read_text("utf-8") for each in PACKAGE.rglob("*.py")))
    assert all(part.strip(" :") in written for part in line.strip("`").split("…"))


@pytest.mark.parametrize("row", [row for row in rows("troubleshooting.md") if re.match(r"\d{3}", row[0])], ids=str)
def test_every_refusal_that_is_explained_has_the_status_of_its_code(row: list[str]) -> None:
    for code in words_in_code(row[0]) - {"unavailable"}:
        assert str(STATUS_BY_CODE[code]) == row[0][:3]


@pytest.mark.parametrize("status", JobStatus)
def test_every_status_is_documented(status: JobStatus) -> None:
    assert status in words_in_code(" ".join(row_of("API.md", "status")))


@pytest.mark.parametrize(
    "field",
    [
        *OptimizeBody.model_fields,
        *ExampleBody.model_fields,
        *BudgetBody.model_fields,
        *(f"constraints.{name}" for name in ConstraintsBody.model_fields),
        *JobState.model_fields,
        *QuoteState.model_fields,
    ],
)
def test_every_field_of_request_and_state_has_its_row_or_stands_in_one(field: str) -> None:
    documented = {word for row in rows("API.md") for cell in row for word in words_in_code(cell)}
    assert field in documented or field == "constraints"


@pytest.mark.parametrize(
    "shape",
    [
        BankBody,
        SplitBody,
        JudgeState,
        SpentState,
        BudgetState,
        RoleCallState,
        SmallestGainState,
        TokensState,
        WarningState,
        WarnedState,
        ComparisonBody,
        ComparisonState,
        ComparedState,
        DifferenceState,
        LatencyState,
        ComparisonQuoteState,
        ComparedQuoteState,
        ForkBody,
        ForkState,
        PinBody,
        RetestBody,
        RetestExamplesBody,
        RetestItem,
        RetestState,
        PinState,
        ActivationState,
    ],
    ids=lambda shape: shape.__name__,
)
def test_every_part_of_a_field_is_documented(shape: type) -> None:
    assert set(shape.model_fields) <= words_in_code(page("API.md"))


def test_the_description_for_machines_has_every_route(routes: Routes) -> None:
    paths = document()["paths"]
    assert isinstance(paths, dict)
    described = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert described == {(method, path) for method, path in routes if path.startswith("/v1/")}


def test_every_command_is_documented() -> None:
    actions = [each for each in parser()._actions if isinstance(each, argparse._SubParsersAction)]
    commands = set(actions[0].choices)
    documented = {found for row in rows("configuration.md") for found in re.findall(r"`gepa-next (\w+)", row[0])}
    assert documented == commands


@pytest.mark.parametrize(("room", "modules"), [("api", BLUEPRINTS), ("web", WEB_BLUEPRINTS)])
def test_every_blueprint_is_counted_among_the_routes(room: str, modules: tuple[ModuleType, ...]) -> None:
    assert {module.bp.name for module in modules} == {
        path.stem for path in (PACKAGE / room).rglob("*.py") if "Blueprint(" in path.read_text(encoding="utf-8")
    }


@pytest.mark.parametrize("code", WARNINGS)
def test_every_warning_is_documented(code: str) -> None:
    assert row_of("GEPA.md", code)


@pytest.mark.parametrize("name", ["ts", "level", "logger", "pid", "message", "trace", *FACTS])
def test_every_field_of_the_log_is_documented(name: str) -> None:
    assert row_of("operations.md", name)
