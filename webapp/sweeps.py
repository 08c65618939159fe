"""Sweeps on demand: what they found, what mending would do, and the mending (R60 to R63)."""

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, or_, select

from models import Finding, Sweep, SweepKind
from webapp.access import acting, here, needs
from webapp.errors import answers_on
from webapp.forms import RepairForm, SweepForm
from webapp.visit import Here
from workflows.checks import CHECKS
from workflows.checks.words import evidence_in_words
from workflows.permissions import Action
from workflows.refusals import BadInput, NotFound, Refusal
from workflows.sweep import begin_sweep, count_waiting, dry_run, repair_all, repair_finding

pages = Blueprint("sweeps", __name__, url_prefix="/a/<slug:slug>/sweeps")
PER_PAGE = 50
MOST_FINDINGS = 500
BATCHES_AT_ONCE = 20


def _page(refusal: Refusal | None = None) -> str:
    found = here()
    mine = Finding.account_id == found.by.account_id
    counts = select(Finding.sweep_id, func.count().label("found"), func.count(Finding.repaired_at).label("mended"))
    of_mine = counts.where(mine).group_by(Finding.sweep_id).subquery()
    sweeps = select(Sweep, of_mine.c.found, of_mine.c.mended).outerjoin(of_mine, of_mine.c.sweep_id == Sweep.id)
    own = or_(Sweep.account_id.is_(None), Sweep.account_id == found.by.account_id)
    rows = found.session.execute(sweeps.where(own).order_by(Sweep.id.desc()).limit(PER_PAGE)).all()
    checks = sorted(CHECKS.values(), key=lambda check: (check.kind, check.name))
    return render_template("pages/sweeps.html", refusal=refusal, rows=rows, kinds=list(SweepKind), checks=checks)


@pages.get("")
@needs(Action.SWEEP)
def listed() -> str:
    """Show the last sweeps, and the checks that they make."""
    return _page()


@pages.post("")
@needs(Action.SWEEP)
@answers_on(_page)
def begin() -> ResponseReturnValue:
    """Sweep this account now, in the background."""
    sent = SweepForm.read()
    if sent.kind and sent.kind not in set(SweepKind):
        raise BadInput("There is no such kind of sweep.")
    with acting() as found:
        sweep = begin_sweep(found.session, kind=SweepKind(sent.kind) if sent.kind else None, by=found.by)
    return redirect(url_for(".findings", sweep_id=sweep.id), 303)


@pages.get("/<number:sweep_id>")
@needs(Action.SWEEP)
def findings(sweep_id: int) -> str:
    """Show what a sweep found in this account, with a dry run of each repair."""
    sweep, found = _own(here(), sweep_id), here()
    own = select(Finding).where(Finding.sweep_id == sweep.id, Finding.account_id == found.by.account_id)
    mended = own.where(Finding.repaired_at.is_not(None)).order_by(Finding.id).limit(MOST_FINDINGS)
    plans = dry_run(found.session, sweep.id, by=found.by, most=MOST_FINDINGS) if sweep.finished_at else []
    return render_template(
        "pages/sweep.html",
        sweep=sweep,
        plans=plans,
        count=count_waiting(found.session, sweep.id, by=found.by),
        mended=found.session.scalars(mended).all(),
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
