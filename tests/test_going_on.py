"""What goes on in the background goes on after an error that nobody foresaw, and fails closed meanwhile (G2, G7)."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from jobs.bell import Bell
from jobs.broker import connect
from jobs.live import Live
from models import Database, News, NewsKind, settings
from tests.people import Team
from tests.process import until
from webapp import live
from webapp.live import Streams
from webapp.streams import read_on
from workflows.sign_in import start_session

NEWS = News(kind=NewsKind.USERS)


class Stumbling(Live):
    """Fails at what it is told first."""

    def __init__(self, error: Exception) -> None:
        super().__init__("")
        self.error, self.tries = error, 0

    def publish(self, news: list[News]) -> None:  # noqa: ARG002
        self.tries += 1
        if self.tries == 1:
            raise self.error


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("error", [ValueError("unforeseen"), PoolTimeout("no connection is free")], ids=["any", "pool"])
def test_g2_the_bell_rings_again_after_an_error(database: Database, error: Exception) -> None:
    stumbling = Stumbling(error)
    with ringing(database, stumbling) as bell:
        bell([], [NEWS])
        until(lambda: stumbling.tries == 1, what="the first try", within=10)

        def is_told() -> bool:
            bell([], [NEWS])
            return stumbling.tries > 1

        until(is_told, what="a second try", within=10)


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning")
def test_g7_streams_end_when_nobody_can_look_after_them_and_others_are_looked_after_again(
    database: Database, team: Team, choose: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(stream_recheck_seconds=0.05)
    with database.transaction() as session:
        secret = start_session(session, team.member.user_id)
    looks: list[int] = []
    look = live.look

    def stumble(*about: object) -> object:
        looks.append(len(looks))
        # At first it is looked at for whoever has just come.
        if len(looks) == 2:
            raise ValueError("unforeseen")
        return look(*about)  # type: ignore[arg-type]

    monkeypatch.setattr(live, "look", stumble)

    async def story() -> None:
        streams = Streams(settings(), database)

        async def follow() -> None:
            async for _ in streams.follow(read_on(database, secret, "")):
                pass

        async with streams.running():
            await asyncio.wait_for(follow(), 5)
            again = asyncio.create_task(follow())
            while len(looks) < 6:
                await asyncio.sleep(0.01)
            assert not again.done()

    asyncio.run(asyncio.wait_for(story(), 20))


def test_a_connection_that_was_closed_in_the_pool_is_not_given_out(database: Database) -> None:
    if not database.is_postgresql:
        pytest.skip("SQLite's connections end with nobody's leave but ours")
    with database.engine.connect() as connection:
        raw = connection.connection.driver_connection
    raw.close()

    with database.engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1


@contextmanager
def ringing(database: Database, live: Live) -> Iterator[Bell]:
    bell = Bell(database, connect("redis://127.0.0.1:1"), live)
    yield bell
    bell.close()
