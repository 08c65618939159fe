"""How much may be sent to an address: a form; where a view takes one, a file."""

from collections.abc import Callable
from typing import TypeVar

from flask import Flask, current_app, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from models import Settings

View = TypeVar("View", bound=Callable[..., object])
LARGEST_FORM = 1_000_000
MOST_PARTS = 1000
# Every user of an account that can be ticked at once, and a few fields beside them.
MOST_FIELDS = 10_100
# Many times what an address, a name and a group take.
BYTES_A_ROW = 400
LARGEST_FILE = "LARGEST_FILE"


def takes_file(view: View) -> View:
    """Let a view be sent more than the fields of a form."""
    view.takes_file = True  # type: ignore[attr-defined]
    return view


def bound_requests(app: Flask, settings: Settings) -> None:
    """Hold every request to what its view takes, before anything of it is read."""
    app.config[LARGEST_FILE] = max(LARGEST_FORM, settings.import_rows * BYTES_A_ROW)
    app.before_request(_bound)


def largest_at(app: Flask, path: str) -> int:
    """Return how many bytes may be posted to a path."""
    try:
        endpoint, _ = app.url_map.bind("").match(path, "POST")
    except HTTPException:
        return LARGEST_FORM
    return _largest(app, endpoint)


def hold_to_fields(app: Flask) -> None:
    """Refuse forms of so many fields that reading them would be the whole work."""
    app.before_request(_count_fields)


def _bound() -> None:
    request.max_content_length = _largest(current_app, request.endpoint or "")


def _count_fields() -> None:
    if request.mimetype == "application/x-www-form-urlencoded" and request.get_data().count(b"&") >= MOST_FIELDS:
        raise RequestEntityTooLarge


def _largest(app: Flask, endpoint: str) -> int:
    view = app.view_functions.get(endpoint)
    return int(app.config[LARGEST_FILE]) if getattr(view, "takes_file", False) else LARGEST_FORM
