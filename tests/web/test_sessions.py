"""Sessions of pages: *Log out* ends one for whoever has its cookie, and for nobody else."""

import gzip
import sqlite3
import time
from contextlib import closing

from flask.testing import FlaskClient

from gepa_next.api.edge.identity import COOKIE, SESSION_S
from gepa_next.store.ended_sessions import end_session
from tests.support.service import TOKEN, Service

HERE = {"Sec-Fetch-Site": "same-origin"}


def log_in(service: Service) -> FlaskClient:
    client = service.client(token=None)
    assert client.post("/login", data={"token": TOKEN}, headers=HERE).status_code == 303
    return client


def test_a_copy_of_a_cookie_is_over_when_its_owner_logs_out_and_other_sessions_go_on(service: Service) -> None:
    visitor, other = log_in(service), log_in(service)
    thief = service.client(token=None)
    thief.set_cookie(COOKIE, visitor.get_cookie(COOKIE).value)
    assert thief.get("/").status_code == 200
    visitor.post("/logout", headers=HERE)
    assert (thief.get("/").status_code, thief.get("/v1/optimize").status_code) == (303, 401)
    assert thief.post("/logout", headers=HERE).status_code == 303
    assert [each.get("/").status_code for each in (other, log_in(service))] == [200, 200]


def test_a_packed_form_to_log_in_with_is_415(service: Service) -> None:
    sent = {**HERE, "Content-Encoding": "gzip"}
    form = gzip.compress(b"token=" + TOKEN.encode())
    urlencoded = "application/x-www-form-urlencoded"
    answer = service.client(token=None).post("/login", data=form, headers=sent, content_type=urlencoded)
    assert (answer.status_code, "without Content-Encoding" in answer.text) == (415, True)
    assert COOKIE not in answer.headers.get("Set-Cookie", "")


def test_an_ended_session_is_remembered_over_a_restart_and_forgotten_after_its_time(open_with) -> None:
    service = open_with()
    visitor = log_in(service)
    cookie = visitor.get_cookie(COOKIE).value
    visitor.post("/logout", headers=HERE)
    again = open_with()
    thief = again.client(token=None)
    thief.set_cookie(COOKIE, cookie)
    assert thief.get("/").status_code == 303
    end_session(again.database, "later", until=time.time() + 2 * SESSION_S, now=time.time() + SESSION_S + 1)
    assert [row["id"] for row in again.database.rows("SELECT id FROM ended_sessions")] == ["later"]


def test_nobody_ends_a_session_that_is_not_theirs(service: Service) -> None:
    visitor = log_in(service)
    forged = service.client(token=None)
    forged.set_cookie(COOKIE, f"{visitor.get_cookie(COOKIE).value[:16]}.9999999999.{'0' * 64}")
    forged.post("/logout", headers=HERE)
    assert visitor.get("/").status_code == 200
    assert service.database.rows("SELECT id FROM ended_sessions") == []


def test_logging_out_is_no_way_to_fill_the_disk(open_with) -> None:
    service = open_with(rate_limit_per_min=1, rate_limit_burst=2)
    answers = [log_in(service).post("/logout", headers=HERE).status_code for _ in range(3)]
    assert answers == [303, 303, 429]


def test_who_cannot_be_logged_out_is_told_and_keeps_the_cookie(service: Service) -> None:
    visitor = log_in(service)
    with closing(sqlite3.connect(service.database.path, isolation_level=None)) as shell:
        shell.execute("BEGIN IMMEDIATE")
        answer = visitor.post("/logout", headers=HERE)
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (503, False)
    assert "store_busy" in answer.text
    assert visitor.get("/").status_code == 200
