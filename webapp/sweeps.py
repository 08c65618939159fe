"""Sweeps on demand: what they found, what mending would do, and the mending (R60 to R63)."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, Response, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Row, and_, func, or_, select

from models import Finding, Severity, Sweep, SweepKind
from models.language import gettext
from models.pieces import piece
from webapp.access import acting, here, needs
from webapp.charts import Series, bars
from webapp.display import seconds, when
from webapp.errors import answers_on
from webapp.forms import Asked, RepairForm, SweepForm
from webapp.labels import word
from webapp.visit import Here
from workflows.checks import CHECKS
from workflows.checks.words import evidence_in_words
from workflows.permissions import Action
from workflows.refusals import BadInput, NotFound, Refusal
from workflows.sweep import begin_sweep, count_waiting, dry_run, repair_all, repair_finding

pages = Blueprint("sweeps", __name__, url_prefix="/a/<slug:slug>/sweeps")
MOST_SWEEPS = 60
PER_PAGE = 50
BATCHES_AT_ONCE = 20


def _page(refusal: Refusal | None = None) -> str:
    rows, checks = _newest(here()), sorted(CHECKS.values(), key=lambda check: (check.kind, check.name))
    shown = {"rows": rows, "over": _over(rows), "severities": list(Severity)}
    return render_template("pages/sweeps.html", refusal=refusal, kinds=list(SweepKind), checks=checks, **shown)


@pages.get("")
@needs(Action.SWEEP)
def listed() -> str:
    """Show the last sweeps, and the checks that they make."""
    return _page()


@pages.get("/findings.svg")
@needs(Action.SWEEP)
def history() -> Response:
    """Draw how much each of the last sweeps found in this account, by severity."""
    over = _over(_newest(here()))[::-1]
    colors = {Severity.HIGH: "wrong", Severity.MEDIUM: "warn", Severity.LOW: "accent"}
    of = [Series(word(each), color, [getattr(row, each) for row in over]) for each, color in colors.items()]
    return bars(_days(over), of)


@pages.get("/taken.svg")
@needs(Action.SWEEP)
def taken() -> Response:
    """Draw how long each of the last sweeps took."""
    over = _over(_newest(here()))[::-1]
    took = Series(gettext("Time taken"), "accent", [row.Sweep.seconds for row in over])
    return bars(_days(over), [took], unit=seconds)


@pages.post("")
@needs(Action.SWEEP)
@answers_on(_page)
def begin() -> ResponseReturnValue:
    """Sweep this account now, in the background."""
    sent = SweepForm.read()
    if sent.kind and sent.kind not in set(SweepKind):
        raise BadInput(gettext("There is no such kind of sweep."))
    with acting() as found:
        sweep = begin_sweep(found.session, kind=SweepKind(sent.kind) if sent.kind else None, by=found.by)
    return redirect(url_for(".findings", sweep_id=sweep.id), 303)


@pages.get("/<number:sweep_id>")
@needs(Action.SWEEP)
def findings(sweep_id: int) -> str:
    """Show what a sweep found in this account, with a dry run of each repair."""
    sweep, found, page = _own(here(), sweep_id), here(), Asked.read().page
    own = select(Finding).where(Finding.sweep_id == sweep.id, Finding.account_id == found.by.account_id)
    mended = own.where(Finding.repaired_at.is_not(None)).order_by(Finding.id)
    repaired, has_more = piece(found.session.scalars, mended, PER_PAGE, page=page)
    plans = dry_run(found.session, sweep.id, by=found.by, most=PER_PAGE, page=page) if sweep.finished_at else []
    count = count_waiting(found.session, sweep.id, by=found.by)
    return render_template(
        "pages/sweep.html",
        sweep=sweep,
        plans=plans,
        count=count,
        mended=repaired,
        page=page,
        has_more=has_more or count > (page + 1) * PER_PAGE,
        breaches={check.name: check.breach for check in CHECKS.values()},
        words=evidence_in_words,
    )


@pages.post("/<number:sweep_id>/repair")
@needs(Action.SWEEP)
def repair(sweep_id: int) -> ResponseReturnValue:
    """Mend one finding, or all of them in batches; what is too much for one request is left on the page."""
    sent = RepairForm.read()
    for _ in range(BATCHES_AT_ONCE):
        with acting() as found:
            _own(found, sweep_id)
            is_left = _mend(found, sweep_id, sent.finding)
        if not is_left:
            break
    return redirect(url_for(".findings", sweep_id=sweep_id), 303)


def _newest(found: Here) -> Sequence[Row[Any]]:
    """Return the newest sweeps of this account or of all, each with its findings here: all, mended, by severity."""
    account_id = found.by.account_id
    own = or_(Sweep.account_id.is_(None), Sweep.account_id == account_id)
    newest = select(Sweep.id).where(own).order_by(Sweep.id.desc()).limit(MOST_SWEEPS)
    mine = and_(Finding.sweep_id == Sweep.id, Finding.account_id == account_id)
    counts: list[Any] = [func.count(Finding.id).label("found"), func.count(Finding.repaired_at).label("mended")]
    counts += [func.count().filter(Finding.severity == each).label(each) for each in Severity]
    counted = select(Sweep, *counts).outerjoin(Finding, mine).where(Sweep.id.in_(newest)).group_by(Sweep.id)
    return found.session.execute(counted.order_by(Sweep.id.desc())).all()


def _over(rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    return [row for row in rows if row.Sweep.finished_at]


def _days(rows: Sequence[Row[Any]]) -> list[str]:
    """Return the day of each sweep, or the time of those of today."""
    return [when(row.Sweep.started_at).partition(",")[0] for row in rows]


def _mend(found: Here, sweep_id: int, finding_id: int | None) -> bool:
    if finding_id is None:
        return repair_all(found.session, sweep_id, by=found.by)
    finding = found.session.get(Finding, finding_id)
    if finding is None or finding.sweep_id != sweep_id:
        raise NotFound
    repair_finding(found.session, finding_id, by=found.by)
    return False


def _own(found: Here, sweep_id: int) -> Sweep:
    sweep = found.session.get(Sweep, sweep_id)
    if sweep is None or sweep.account_id not in {None, found.by.account_id}:
        raise NotFound
    return sweep
