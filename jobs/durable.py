"""The middleware and the decorator that make a Dramatiq actor carry out a recorded job, exactly once."""

import inspect
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from datetime import timedelta
from functools import wraps
from typing import Any

import dramatiq
from dramatiq import Actor, Broker, Worker
from dramatiq.broker import MessageProxy
from dramatiq.middleware import SkipMessage
from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from jobs.broker import QUEUE, job_of
from jobs.ledger import Claim, Ledger, Overtaken, hand_over
from models.absence import first_line
from models.audit import request_id
from models.logs import job_at_hand
from models.spans import span
from workflows.refusals import Refusal, WrongArguments

logger = logging.getLogger(__name__)
_in_hand: ContextVar[tuple[Ledger, Claim] | None] = ContextVar("in_hand", default=None)


class Again:
    """What an actor returns after a bounded batch, when more is left: the job goes on at once."""


class Durable(dramatiq.Middleware):
    """Claims the job before its actor runs, and puts it back, or buries it, when the actor fails.

    Stands first in the list of middleware, so that what it does is outside any time limit.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._held: dict[int, Claim] = {}

    @property
    def actor_options(self) -> set[str]:
        return {"on_dead", "throws", "within"}

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002
        _in_hand.set(None)
        request_id.set("")
        job_id = job_of(message)
        job_at_hand.set(f"{message.actor_name} {job_id}")
        if job_id is None:
            logger.warning("a message that names no job is dropped: %.500r", message)
            raise SkipMessage("no bell of ours")
        try:
            claim = self.ledger.claim(job_id)
        except SQLAlchemyError as error:
            logger.warning("job %s not claimed, the relay will ring again: %s", job_id, first_line(error))
            raise SkipMessage("the database is away") from error
        if claim is None:
            raise SkipMessage("done, or not due")
        self._held[job_id] = claim
        _in_hand.set((self.ledger, claim))
        request_id.set(claim.request_id)

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: object = None,  # noqa: ARG002
        exception: BaseException | None = None,
    ) -> None:
        hand = _in_hand.get()
        if hand is not None:
            self._held.pop(hand[1].job_id, None)
        if exception is None or hand is None or isinstance(exception, Overtaken):
            logger.info("ended" if exception is None else "overtaken")
            return
        _, claim = hand
        logger.warning("attempt %d failed: %s", claim.attempts, type(exception).__name__)
        with suppress(Overtaken), self.ledger.database.transaction() as session:
            within = broker.actors[message.actor_name].options["within"]
            if self.ledger.fail(session, claim, exception, within=within):
                logger.error("%s is dead", claim.actor)
                tell_of_death(broker, session, claim.actor, claim.arguments)

    def before_nack(self, broker: Broker, message: MessageProxy) -> None:
        job_id = job_of(message)
        if message.actor_name not in broker.actors and job_id is not None:
            with self.ledger.database.transaction() as session:
                self.ledger.bury(session, job_id, message.actor_name, f"There is no actor {message.actor_name!r}.")

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:  # noqa: ARG002
        # Whoever was not done in time is about to be killed; what they began is begun again by others.
        for job_id, claim in list(self._held.items()):
            with suppress(Overtaken, SQLAlchemyError), self.ledger.database.transaction() as session:
                self.ledger.go_on(session, claim)
                hand_over(session, [job_id])


def tell_of_death(broker: Broker, session: Session, actor: str, arguments: dict[str, int]) -> None:
    """Let the actor's `on_dead` settle what its job was for, in the transaction that makes it a dead letter."""
    on_dead = broker.actors[actor].options.get("on_dead") if actor in broker.actors else None
    if on_dead is None:
        return
    try:
        with session.begin_nested():
            on_dead(session, **arguments)
    except Exception:
        # Else the death would be undone, and tried again for ever.
        logger.exception("%s%r is dead, and its workflow could not be told", actor, arguments)


def durable(
    *,
    within: timedelta,
    on_dead: Callable[..., object] | None = None,
    throws: tuple[type[Exception], ...] = (),
) -> Callable[[Callable[..., Any]], Actor[[int], None]]:
    """Make `function(session, **arguments)` an actor that carries out the recorded jobs of its name.

    It runs in one transaction, which ends the job as well. A generator function yields once, a callable that
    runs after that transaction, and gets its result back; the Writes that it then returns end the job with them.
    `within` is the deadline of this kind: what still fails so long after it was due is not tried again.
    `on_dead(session, **arguments)` is called when a job dies; errors in `throws` are expected, and logged without
    a traceback. Arguments that are not those of the function are a refusal.
    """

    def decorate(function: Callable[..., Any]) -> Actor[[int], None]:
        carry_out = _in_halves if inspect.isgeneratorfunction(function) else _whole
        arguments = _arguments(function)

        @wraps(function)
        def perform(job_id: int) -> None:
            hand = _in_hand.get()
            if hand is None or hand[1].job_id != job_id:
                raise Overtaken(job_id)
            ledger, claim = hand
            with span(claim.actor, **{"guestlist.job_id": job_id, "guestlist.attempt": claim.attempts}):
                _check(arguments, claim)
                carry_out(function, ledger, claim)

        expected = (Refusal, Overtaken, *throws)
        declare = dramatiq.actor(queue_name=QUEUE, on_dead=on_dead, throws=expected, within=within)
        return declare(perform)

    return decorate


def _arguments(function: Callable[..., Any]) -> type[BaseModel]:
    """Return the model of what a function takes beside its session."""
    known = list(inspect.signature(function).parameters.values())[1:]
    fields: Mapping[str, Any] = {each.name: (each.annotation, ...) for each in known}
    return create_model(function.__name__, __config__=ConfigDict(extra="forbid", strict=True), **fields)


def _check(arguments: type[BaseModel], claim: Claim) -> None:
    try:
        arguments.model_validate(claim.arguments)
    except ValidationError as error:
        wrong = error.errors(include_input=False)[0]
        raise WrongArguments(claim.actor, f"{wrong['loc'][0]}: {wrong['msg']}") from None


def _whole(function: Callable[..., Any], ledger: Ledger, claim: Claim) -> None:
    with ledger.database.transaction() as session:
        _end(ledger, session, claim, function(session, **claim.arguments))


def _in_halves(function: Callable[..., Any], ledger: Ledger, claim: Claim) -> None:
    with ledger.database.transaction() as session:
        halves = function(session, **claim.arguments)
        try:
            outside = next(halves)
        except StopIteration as stop:
            _end(ledger, session, claim, stop.value)
            return
    result = outside()
    try:
        halves.send(result)
    except StopIteration as stop:
        ledger.finish_with(claim, stop.value)
    else:
        raise TypeError(f"{claim.actor} yields more than once")


def _end(ledger: Ledger, session: Session, claim: Claim, outcome: object) -> None:
    if outcome is Again:
        ledger.go_on(session, claim)
    else:
        ledger.finish(session, claim)
