"""What the application leaves out of Flask's way of a request, and what Python leaves out of its collections."""

import gc
from inspect import iscoroutinefunction

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter, RequestRedirect
from werkzeug.test import EnvironBuilder

from gepa_next.api.edge.asked import Asked
from gepa_next.app import spare_what_is_loaded


def test_nothing_that_a_request_passes_is_a_coroutine(done) -> None:
    app = done.app
    passed = [*app.view_functions.values(), *app.teardown_request_funcs[None]]
    for by_blueprint in (app.before_request_funcs, app.after_request_funcs):
        passed += [function for functions in by_blueprint.values() for function in functions]
    for handlers in app.error_handler_spec[None].values():
        passed += handlers.values()
    assert len(passed) > len(app.view_functions)
    assert not [function for function in passed if iscoroutinefunction(function)]


def test_no_blueprint_has_functions_around_its_own_requests(done) -> None:
    app = done.app
    around = (app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs)
    assert [set(functions) - {None} for functions in around] == [set(), set(), set()]
    assert not app.url_value_preprocessors
    assert app.secret_key is None


@pytest.mark.parametrize(
    "asked",
    [
        {"path": "/v1/optimize/a-job", "query_string": "limit=1"},
        {"path": "/v1/optimize", "method": "POST"},
        {"path": "/v1//optimize/a", "query_string": "q=ü&b=%2F"},
        {"path": "/v1//optimize/a", "headers": {"Host": "GEPA.example:8000"}, "base_url": "https://x/under/"},
        {"path": "/v1//optimize/a", "headers": {"Host": "no host"}},
        {"path": "/v1/optimize", "method": "PUT"},
        {"path": "/v1/optimize/\u00fc\U0001f600"},
        {"path": "/nothing"},
    ],
)
def test_a_route_is_found_as_flask_finds_it(done, asked) -> None:
    request = Asked(EnvironBuilder(**asked).get_environ())
    ours, flasks = done.app.create_url_adapter(request), Flask.create_url_adapter(done.app, request)
    assert found_by(ours) == found_by(flasks)


def found_by(adapter: MapAdapter | None) -> object:
    """Return the route and its values, or where else the request is sent, or why it is refused."""
    assert adapter is not None
    try:
        return adapter.match(return_rule=True)
    except RequestRedirect as redirect:
        return redirect.new_url
    except HTTPException as refusal:
        return refusal.code


def test_what_is_loaded_is_not_looked_through_again(done) -> None:
    spare_what_is_loaded()
    try:
        assert not any(each is done.app.url_map for each in gc.get_objects())
    finally:
        gc.unfreeze()
    assert any(each is done.app.url_map for each in gc.get_objects())
