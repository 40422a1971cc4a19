"""What the application leaves out of Flask's way of a request, and what Python leaves out of its collections."""

import gc
from inspect import iscoroutinefunction

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


def test_what_is_loaded_is_not_looked_through_again(done) -> None:
    spare_what_is_loaded()
    try:
        assert not any(each is done.app.url_map for each in gc.get_objects())
    finally:
        gc.unfreeze()
    assert any(each is done.app.url_map for each in gc.get_objects())
