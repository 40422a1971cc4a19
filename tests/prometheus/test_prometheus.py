"""What docs/deploy/ holds for Prometheus and Grafana, against a real scrape and the real tools."""

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.docs.pages import DOCS, row_of
from tests.e2e.processes import wait_for
from tests.support.judges import record_checks
from tests.support.service import Service, open_service

DEPLOY = DOCS / "deploy"
TIMEOUT_S = 30
NO_METRICS = {
    *("by", "sum", "rate", "increase", "max", "max_over_time", "histogram_quantile"),
    *("le", "instance", "process", "status", "role", "outcome", "url_rule", "fault", "reason", "direction"),
}
OF_PROMETHEUS = {"instance", "job"}
tools = pytest.mark.skipif(
    not (shutil.which("promtool") and shutil.which("prometheus")), reason="Debian's package prometheus is not installed"
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with closing(open_service(tmp_path_factory.mktemp("scraped"))) as opened:
        record_checks(opened.database, opened.settings, shift=-0.1)
        opened.finished_job()
        yield opened


def scrape(service: Service) -> str:
    return service.client(token=None).get("/v1/metrics").text


def run(*command: str, said: str = "") -> None:
    done = subprocess.run(
        command, input=said, cwd=DEPLOY, text=True, capture_output=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr, done.stderr


def names_in(expression: str) -> set[str]:
    """Return the names of metrics in an expression: what is no function, label, string, or duration."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\"[^\"]*\"", "", expression)
    return set(re.findall(r"[a-z_]\w*", re.sub(r"\b\d[\w.]*", "", bare))) - NO_METRICS


def dashboard_expressions() -> list[str]:
    panels = json.loads((DEPLOY / "grafana.json").read_text("utf-8"))["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def alerts() -> list[str]:
    return re.findall(r"- alert: (\w+)", (DEPLOY / "alerts.yml").read_text("utf-8"))


def alert_expressions() -> list[str]:
    found = re.findall(
        r"expr: (?:>-\n)?(.*?)\n +(?:for|labels):", (DEPLOY / "alerts.yml").read_text("utf-8"), re.DOTALL
    )
    assert len(found) == len(alerts())
    return found


def series_of(service: Service) -> set[str]:
    """Return every name that a query can use, those of families without a sample too."""
    suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
    return {
        family.name + suffix
        for family in text_string_to_metric_families(scrape(service))
        for suffix in suffixes.get(family.type, [""])
    }


def labels_of(service: Service) -> dict[str, set[tuple[str, str]]]:
    """Return what labels the series of each name have, with their values."""
    found: dict[str, set[tuple[str, str]]] = {}
    for family in text_string_to_metric_families(scrape(service)):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels.items())
    return found


def label_names_in(expression: str) -> set[str]:
    """Return the labels by which an expression selects or sums up, but for those that Prometheus adds itself."""
    selected = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression)
    summed = [name for names in re.findall(r"by \(([^)]*)\)", expression) for name in re.findall(r"\w+", names)]
    return {*selected, *summed} - OF_PROMETHEUS


def series_in_cases() -> list[tuple[str, dict[str, str]]]:
    """Return name and labels of all that the boxes in the cases of the alerts show."""
    found = re.findall(r"- series: '(\w+)\{(.*)\}'", (DEPLOY / "alerts_test.yml").read_text("utf-8"))
    return [(name, dict(re.findall(r'(\w+)="([^"]*)"', labels))) for name, labels in found]


@pytest.mark.parametrize("expression", [*dashboard_expressions(), *alert_expressions()])
def test_dashboard_and_alerts_use_labels_that_their_metrics_have(service: Service, expression: str) -> None:
    known = labels_of(service)
    has = {label for metric in names_in(expression) for label, _ in known.get(metric, ())}
    assert label_names_in(expression) <= has


def test_the_cases_of_alerts_show_series_that_a_scrape_can_have(service: Service) -> None:
    known, cases = labels_of(service), series_in_cases()
    assert len(cases) > len(alerts())
    for name, labels in cases:
        has = known.get(name, set())
        assert name in known or name == "up"
        assert set(labels) - OF_PROMETHEUS <= {label for label, _ in has}
        assert {(label, labels[label]) for label in {"le", "role", "outcome"} & set(labels)} <= has, name


@pytest.mark.parametrize("expression", [*dashboard_expressions(), *alert_expressions()])
def test_dashboard_and_alerts_use_metrics_that_there_are(service: Service, expression: str) -> None:
    names = names_in(expression) - {"up", "job"}
    assert names <= series_of(service)
    assert names or "up" in expression


def test_the_dashboard_shows_every_metric_of_ours(service: Service) -> None:
    used = {re.sub(r"_(bucket|sum|count)$", "", name) for text in dashboard_expressions() for name in names_in(text)}
    ours = {
        re.sub(r"_(bucket|sum|count)$", "", name) for name in series_of(service) if name.startswith(("gepa_", "sse_"))
    }
    assert ours <= used


def test_every_panel_has_a_unit_and_legends() -> None:
    panels = json.loads((DEPLOY / "grafana.json").read_text("utf-8"))["panels"]
    for panel in panels:
        if panel["type"] != "row":
            assert panel["fieldConfig"]["defaults"]["unit"]
            assert all(target["legendFormat"] for target in panel["targets"])
    assert [panel["title"] for panel in panels if panel["type"] == "row"] == [
        "Service", "Jobs", "Model calls and money", "Streams", "Store"
    ]  # fmt: skip


@pytest.mark.parametrize("alert", alerts())
def test_every_alert_says_in_the_documentation_what_to_do(alert: str) -> None:
    assert all(len(cell) > 20 for cell in row_of("operations.md", alert)[1:])


def test_the_documentation_names_metrics_that_there_are(service: Service) -> None:
    named = set(
        re.findall(r"`((?:gepa|sse|flask)_[a-z_]+)(?:\{[a-z_,]+\})?`", (DOCS / "operations.md").read_text("utf-8"))
    )
    families = {re.sub("_(bucket|sum|count)$", "", name) for name in series_of(service)}
    assert len(named) > 20
    assert named <= series_of(service) | families


@pytest.mark.parametrize("alert", alerts())
def test_every_alert_has_a_case_in_which_it_is_the_only_one_to_fire(alert: str) -> None:
    cases = (DEPLOY / "alerts_test.yml").read_text("utf-8")
    assert f'{{labels: \'{{alertname="{alert}", instance="{alert}"}}\', value: 1}}' in cases


@tools
def test_promtool_finds_nothing_wrong_with_a_scrape(service: Service) -> None:
    run("promtool", "check", "metrics", said=scrape(service))


@tools
def test_promtool_finds_nothing_wrong_with_rules_and_each_alert_fires_in_its_case() -> None:
    run("promtool", "check", "rules", "alerts.yml")
    run("promtool", "check", "config", "prometheus.yml")
    run("promtool", "test", "rules", "alerts_test.yml")


@tools
def test_a_real_prometheus_scrapes_and_answers(service: Service, tmp_path: Path) -> None:
    with service.served() as url, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        free.close()
        (tmp_path / "alerts.yml").write_bytes((DEPLOY / "alerts.yml").read_bytes())
        ours = (DEPLOY / "prometheus.yml").read_text("utf-8")
        config = ours.replace("127.0.0.1:8000", url.removeprefix("http://")).replace("15s", "1s")
        (tmp_path / "prometheus.yml").write_text(config, "utf-8")
        command = ["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--web.listen-address={address}"]
        with (tmp_path / "prometheus.log").open("w") as log:
            process = subprocess.Popen([*command, f"--storage.tsdb.path={tmp_path}/data"], stderr=log)
        try:
            found = answer_of(f"http://{address}", 'gepa_jobs_total{job="gepa-next",status="finished"}')
            assert [each["value"][1] for each in found] == ["1"]
        finally:
            process.terminate()
            process.wait(TIMEOUT_S)


def answer_of(prometheus: str, query: str) -> list[dict[str, list[str]]]:
    """Return the answer once there is one."""

    def ask() -> list[dict[str, list[str]]]:
        try:
            answer = requests.get(f"{prometheus}/api/v1/query", params={"query": query}, timeout=5)
        except requests.ConnectionError:
            return []
        return answer.json()["data"]["result"] if answer.ok else []

    return wait_for(ask)
