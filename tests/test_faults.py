"""Whatever is killed or emptied, every accepted invitation arrives; none but the one in flight twice (G2, G3)."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import func, select

from models import AuditEvent, Delivery, DeliveryStatus, Event, Job, JobStatus
from models.settings import PREFIX, load
from tests.conftest import Create, each_database
from tests.inviting import Admin, fresh
from tests.mail_server import MailServer, mail_server
from tests.process import Process, until
from tests.stack import BIN, Stack

# As many as one worker has threads: so many mails can be in flight.
THREADS = 4
MANY = 24
# A lease, or the relay's head start, and workers that start again on a busy machine.
PATIENCE = 60


class Stalling(MailServer):
    """Falls silent for ever at the mail to `silent_for`: at its RCPT, or having taken it, at its DATA."""

    def __init__(self) -> None:
        super().__init__()
        self.silent_for = self.silent_at = ""
        self.is_silent = False

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: ARG002, N802
        envelope.rcpt_tos.append(address)
        return await self._answer("RCPT", address)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        await super().handle_DATA(server, session, envelope)
        return await self._answer("DATA", envelope.rcpt_tos[0])

    async def _answer(self, command: str, address: str) -> str:
        if (command, address) == (self.silent_at, self.silent_for):
            self.silent_for, self.is_silent = "", True
            # Until whoever waits for the answer is gone.
            await asyncio.Event().wait()
        return "250 OK"


@dataclass(frozen=True)
class Yard:
    """The product on a mail server that can fall silent, and an admin who invites people."""

    stack: Stack
    smtp: Stalling
    admin: Admin

    def invite(self, *people: str) -> None:
        for email in people:
            assert self.admin.invite(email).status_code == 303

    def arrived(self, *people: str) -> Counter[str]:
        to = [str(mail["To"]) for mail in list(self.smtp.mails)]
        return Counter(each for each in to if each in people)

    def all_arrive(self, *people: str) -> Counter[str]:
        """Wait until everybody has mail and nothing is left to do; return how many mails each has."""
        until(lambda: len(self.arrived(*people)) == len(people), what="every mail", within=PATIENCE)
        self.stack.idle(within=PATIENCE)
        self.are_sent_once(*people)
        return self.arrived(*people)

    def sent(self, *people: str) -> int:
        """Return how many mails the database says are sent: those that no kill makes twice."""
        mine = select(func.count()).where(Delivery.to_address.in_(people), Delivery.status == DeliveryStatus.SENT)
        with self.stack.database.reading() as session:
            return session.scalars(mine).one()

    def are_sent_once(self, *people: str) -> None:
        """Fail unless the database says that each mail was sent, once, by one job that is done."""
        mine = select(Delivery.id).where(Delivery.to_address.in_(people))
        with self.stack.database.reading() as session:
            ids = set(session.scalars(mine.where(Delivery.status == DeliveryStatus.SENT)))
            sent = AuditEvent.event == Event.DELIVERY_SENT
            said = session.scalars(select(AuditEvent.object_id).where(sent, AuditEvent.object_id.in_(ids))).all()
            jobs = session.scalars(select(Job).where(Job.actor == "deliver")).all()
        assert len(ids) == len(people)
        assert sorted(said) == sorted(ids)
        assert all(job.status is JobStatus.DONE for job in jobs if job.arguments["delivery_id"] in ids)

    def have_one_message_id_each(self, *people: str) -> None:
        """Fail unless all mails to one person bear the same Message-ID, and no two people share one."""
        ids = {(str(mail["To"]), mail["Message-ID"]) for mail in self.smtp.mails if mail["To"] in people}
        assert len(ids) == len({message_id for _, message_id in ids}) == len(people)


@pytest.fixture(scope="module", params=each_database("faults"))
def yard(
    request: pytest.FixtureRequest, create: Callable[[str], Create], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Yard]:
    home: Path = tmp_path_factory.mktemp(f"faults-{request.param}")
    running = Stack(create(request.param)("faults"), home)
    with mail_server(home, server=Stalling()) as smtp:
        running.env |= {f"{PREFIX}SMTP_URL": smtp.url(), f"{PREFIX}WORKER_THREADS": str(THREADS)}
        del running.processes["mailbox"]
        try:
            running.start()
            yield Yard(running, smtp, Admin(running, running.account()))
        finally:
            running.close()


@pytest.mark.parametrize(("silent_at", "mails"), [("RCPT", 1), ("DATA", 2)])
def test_g3_a_worker_killed_while_sending(yard: Yard, silent_at: str, mails: int) -> None:
    unlucky, others = fresh("unlucky"), [fresh() for _ in range(5)]
    yard.smtp.silent_at, yard.smtp.silent_for, yard.smtp.is_silent = silent_at, unlucky, False
    yard.invite(unlucky, *others)
    until(lambda: yard.smtp.is_silent and yard.sent(*others) == len(others), what="the mail server's silence")

    kill_workers(yard.stack.process("work"))

    # Had the server taken the mail, nobody could know: it is sent again, as the same mail.
    assert yard.all_arrive(unlucky, *others) == {unlucky: mails, **dict.fromkeys(others, 1)}
    yard.have_one_message_id_each(unlucky, *others)


def test_g2_redis_is_emptied_while_work_waits(yard: Yard) -> None:
    people = [fresh() for _ in range(5)]
    with stopped(yard.stack.process("work")):
        yard.invite(*people)
        bells = broker_of(yard)
        until(lambda: bells.keys("dramatiq:default*"), what="the bell to have rung")
        bells.flushall()

    assert yard.all_arrive(*people) == dict.fromkeys(people, 1)


def test_g2_redis_is_killed_under_everybody(yard: Yard) -> None:
    people = [fresh() for _ in range(5)]
    yard.stack.process("valkey").kill()
    try:
        yard.invite(*people)
    finally:
        yard.stack.process("valkey").start()

    assert yard.all_arrive(*people) == dict.fromkeys(people, 1)


def test_g3_two_hosts_share_the_work_and_one_is_killed_in_the_middle(yard: Yard) -> None:
    people = [fresh() for _ in range(MANY)]
    log = yard.stack.home / "second.log"
    second = Process(str(BIN / "guestlist"), "work", env=yard.stack.env, log=log)
    with stopped(yard.stack.process("work")):
        yard.invite(*people)
        second.start()
    try:
        until(lambda: yard.arrived(*people), what="the first mail", within=PATIENCE)
    finally:
        second.kill()

    arrived = yard.all_arrive(*people)

    again = [email for email, count in arrived.items() if count > 1]
    assert len(again) <= THREADS and max(arrived.values()) <= 2
    yard.have_one_message_id_each(*people)


def test_g2_a_serving_process_killed_again_and_again_is_started_again(yard: Yard) -> None:
    web = yard.stack.process("web")
    for _ in range(3):
        serving = until(web.tree, what="a serving process")
        for each in serving:
            each.kill()
        until(lambda gone=serving: web.tree() and not {*web.tree()} & {*gone}, what="another one", within=PATIENCE)
        yard.stack.wait_for_web()

    assert web.is_running
    yard.invite(email := fresh())
    assert yard.all_arrive(email) == {email: 1}


def kill_workers(work: Process) -> None:
    """Kill the processes that carry out jobs, and leave clock and supervisor alone."""
    workers = [each for each in work.tree() if "dramatiq" in " ".join(each.cmdline())]
    assert workers
    for each in workers:
        each.kill()


@contextmanager
def stopped(process: Process) -> Iterator[None]:
    process.stop()
    try:
        yield
    finally:
        process.start()


def broker_of(yard: Yard) -> redis.Redis:
    return redis.Redis.from_url(load(data_dir=yard.stack.home).broker)
