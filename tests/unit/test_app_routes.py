from __future__ import annotations

import pytest

from app.middleware import UNMATCHED_API, _counted_as
from telemetry.kinds import UNMATCHED, Route


@pytest.mark.parametrize(
    ("route", "path", "counted"),
    [
        (Route("/api/v1/slots"), "/api/v1/slots", "/api/v1/slots"),
        (Route("/"), "/", "/"),
        (UNMATCHED, "/api/v1/anything", UNMATCHED_API),
        (UNMATCHED, "/apiary", UNMATCHED),
        (UNMATCHED, "/wp-login.php", UNMATCHED),
    ],
)
def test_an_unknown_path_is_counted_with_the_promise_it_belongs_to(route: Route, path: str, counted: str) -> None:
    assert _counted_as(route, path) == counted
