"""Importing users: a list is sent and looked at, then confirmed; its progress, its results, its end (R12)."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from models import Import, ImportRow, RowStatus, settings
from models.language import gettext
from webapp.access import acting, here, needs
from webapp.errors import answers_on
from webapp.forms import Asked, ImportForm
from webapp.sizes import takes_file
from webapp.users import users_page
from webapp.visit import Here
from workflows.enlist import cancel_import, confirm_import, count_rows, result_of, resume_import, take_in
from workflows.examine import COLUMNS, examine
from workflows.permissions import Action
from workflows.refusals import BadInput, NotFound
from workflows.tabulate import read_table, write_table

pages = Blueprint("imports", __name__, url_prefix="/a/<slug:slug>/settings/users/import")
PER_PAGE = 100
RESULTS = ("line", *COLUMNS, "result", "reason")


@pages.post("")
@takes_file
@needs(Action.INVITE)
@answers_on(users_page)
def send() -> ResponseReturnValue:
    """Take a list in and show what would become of it; once that is confirmed, let it run."""
    sent = ImportForm.read()
    if sent.confirm:
        with acting() as found:
            chosen = confirm_import(found.session, sent.import_id, by=found.by)
    else:
        name, rows = _file()
        with acting() as found:
            chosen = take_in(found.session, rows, file_name=name, by=found.by)
    return redirect(url_for(".progress", import_id=chosen.id), 303)


@pages.get("/<number:import_id>")
@needs(Action.INVITE)
def progress(import_id: int) -> str:
    """Show every row with what will become of it, then what has."""
    found, asked = here(), Asked.read()
    chosen, status = _own(found, import_id), _wanted_status()
    counts = count_rows(found.session, chosen)
    rows = found.session.scalars(_rows(chosen, status).limit(PER_PAGE).offset(asked.page * PER_PAGE))
    return render_template(
        "pages/import.html",
        chosen=chosen,
        counts=counts,
        total=sum(counts.values()),
        rows=[(row, *result_of(chosen, row)) for row in rows],
        status=status,
        page=asked.page,
        pages=-(-(counts[status] if status else sum(counts.values())) // PER_PAGE),
    )


@pages.post("/<number:import_id>/cancel")
@needs(Action.INVITE)
def cancel(import_id: int) -> ResponseReturnValue:
    """Let no further row be invited."""
    with acting() as found:
        cancel_import(found.session, import_id, by=found.by)
    return redirect(url_for(".progress", import_id=import_id), 303)


@pages.post("/<number:import_id>/resume")
@needs(Action.INVITE)
@answers_on(users_page)
def resume(import_id: int) -> ResponseReturnValue:
    """Let the rest of a cancelled list be invited."""
    with acting() as found:
        resume_import(found.session, import_id, by=found.by)
    return redirect(url_for(".progress", import_id=import_id), 303)


@pages.get("/<number:import_id>/results.csv")
@needs(Action.INVITE)
def results(import_id: int) -> Response:
    """Give the results so far as a table, a line for every row."""
    found = here()
    chosen = _own(found, import_id)
    rows = found.session.scalars(_rows(chosen))
    told = ((row.line, row.email, row.name, row.group, *result_of(chosen, row)) for row in rows)
    answer = Response(write_table(RESULTS, told), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="import-{chosen.id}-results.csv"'
    return answer


def _file() -> tuple[str, list[dict[str, object]]]:
    file = request.files.get("file")
    if file is None or not file.filename:
        raise BadInput(gettext("Choose a file first."))
    return file.filename, examine(read_table(file.read(), columns=COLUMNS, most=settings().import_rows))


def _wanted_status() -> RowStatus | None:
    wanted = request.args.get("show", "")
    return RowStatus(wanted) if wanted in set(RowStatus) else None


def _rows(chosen: Import, status: RowStatus | None = None) -> Select[ImportRow]:
    rows = select(ImportRow).where(ImportRow.import_id == chosen.id).order_by(ImportRow.line)
    return rows.where(ImportRow.status == status) if status else rows


def _own(found: Here, import_id: int) -> Import:
    people = (joinedload(Import.uploaded_by), joinedload(Import.confirmed_by))
    chosen = found.session.get(Import, import_id, options=people)
    if chosen is None or chosen.account_id != found.by.account_id:
        raise NotFound
    return chosen
