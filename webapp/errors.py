"""What an answer says when it is no: one page, one sentence, and nothing of the object."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, ParamSpec
from urllib.parse import quote

from flask import Flask, current_app, g, redirect, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from models.language import N_, gettext
from webapp.access import greeting, looking, note_refusal
from workflows.refusals import AccessEnded, BadInput, Conflict, Refusal, SignInFirst, StaleForm, TooMany, WrongPassword

Path = ParamSpec("Path")
View = Callable[Path, ResponseReturnValue]
FAULT = 500
ASKED_AGAIN = (BadInput, Conflict, TooMany, WrongPassword)
SENTENCES = {
    404: N_("There is nothing here that you can open."),
    405: N_("This address does not answer that way."),
    413: N_("This is too large to be sent here: {most} MB are the most."),
    500: N_("Something went wrong on our side. Nothing was changed; please try again."),
}


def answer_errors(app: Flask) -> None:
    """Answer every refusal and fault with its page."""
    app.log_exception = partial(_log, app)  # type: ignore[method-assign]
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(CSRFError, _stale)
    app.register_error_handler(HTTPException, _failed)


def answers_on(page: Callable[..., str]) -> Callable[[View[Path]], View[Path]]:
    """Answer what can be mended on the page that held the form, with what was typed and what is wrong with it."""

    def wrap(view: View[Path]) -> View[Path]:
        @wraps(view)
        def answer(*args: Path.args, **path: Path.kwargs) -> ResponseReturnValue:
            try:
                return view(*args, **path)
            except ASKED_AGAIN as refusal:
                note_refusal(refusal)
                with looking():
                    return page(refusal=refusal), refusal.status

        return answer

    return wrap


def _refused(refusal: Refusal) -> ResponseReturnValue:
    if isinstance(refusal, SignInFirst) and request.method != "POST":
        return redirect(f"/login?next={quote(_asked_for())}", 303)
    note_refusal(refusal)
    may_sign_in = isinstance(refusal, SignInFirst | AccessEnded)
    return _page(refusal.sentence, refusal.status, may_sign_in=may_sign_in)


def _log(app: Flask, fault: Any) -> None:  # noqa: ANN401
    # The rule and not the address, which may hold a mailed token.
    app.logger.error("%s %s failed", request.method, request.url_rule, exc_info=fault)


def _asked_for() -> str:
    return request.full_path if request.query_string else request.path


def _page_of_the_form() -> str:
    """Return the nearest page above an address that takes forms alone, for whoever reloads or types it."""
    adapter = current_app.create_url_adapter(request)
    path = request.path
    while adapter and (path := path.rpartition("/")[0]):
        if adapter.test(path, "GET"):
            return path
    return "/"


def _stale(_: CSRFError) -> ResponseReturnValue:
    return _refused(StaleForm())


def _failed(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None or (error.code or 500) < 400:  # noqa: PLR2004
        return error
    status = error.code or 500
    if isinstance(error, MethodNotAllowed) and request.method in {"GET", "HEAD"}:
        return redirect(_page_of_the_form(), 303)
    most = round((request.max_content_length or 0) / 1e6, 1)
    sentence = gettext(SENTENCES.get(status, N_("This request could not be understood.")))
    body, _ = _page(sentence.format(most=f"{most:g}"), status)
    return body, status, {name: value for name, value in error.get_headers() if name in {"Allow", "Retry-After"}}


def _page(sentence: str, status: int, *, may_sign_in: bool = False) -> tuple[str, int]:
    shown = {"sentence": sentence, "status": status, "may_sign_in": may_sign_in}
    if status >= FAULT:
        # What is broken may be what the way back would be read from.
        g.pop("here", None)
        return render_template("pages/refused.html", **shown), status
    with greeting():
        return render_template("pages/refused.html", **shown), status
