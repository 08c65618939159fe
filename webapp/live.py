"""The event stream beside the pages: one listener a process, and one look at a time for many of its readers."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress

import redis.asyncio as redis
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import BadSignature
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from models import Database, News, NewsKind, Settings
from models.absence import of_live_events
from models.news import CHANNEL
from webapp.bridge import pages
from webapp.own_names import only_own_names
from webapp.shield import cover
from webapp.streams import Reader, Told, look, read_on
from webapp.visit import SECRET
from workflows.refusals import Refusal

logger = logging.getLogger(__name__)
HEARTBEAT_SECONDS = 15
PAUSE_SECONDS = 0.5
# The most whom one look is for: whoever has just lost something waits for one look before their own at most.
LOOKED_AT_ONCE = 50
# A reader who takes nothing off is let go: they come back, and resume.
LONGEST_QUEUE = 500
HEADERS = {"X-Accel-Buffering": "no"}
BEAT = b": still here\n\n"


class Streams:
    """All open streams of this process. Everything but the database's work happens in its event loop."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database
        self._queues: dict[Reader, asyncio.Queue[Told | None]] = {}
        # Whom to look at next, each with the news about them.
        self._waiting: dict[Reader, dict[News, None]] = {}
        self._is_somebody_waiting, self._is_listening = asyncio.Event(), False
        self._loop: asyncio.AbstractEventLoop | None = None
        # Of their own, for the others may all be busy with people who are just arriving.
        self._looker = ThreadPoolExecutor(1, "look")
        database.on_commit(self._overhear)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen and look for as long as the application runs."""
        self._loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(self._mind(work)) for work in (self._listen, self._attend, self._recheck)]
        try:
            yield
        finally:
            self._close(list(self._queues))
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.to_thread(self._looker.shutdown)

    async def follow(self, reader: Reader) -> AsyncIterator[bytes]:
        """Yield a reader's events, from what they missed until they may see nothing any more."""
        queue = self._queues[reader] = asyncio.Queue(LONGEST_QUEUE)
        try:
            yield b"retry: 1000\n\n"
            self._wait([reader])
            while True:
                try:
                    told = await asyncio.wait_for(queue.get(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    yield BEAT
                    continue
                if told is None:
                    return
                yield bytes(told)
                told.measure()
                if told.event == "end":
                    return
        finally:
            self._queues.pop(reader, None)
            self._waiting.pop(reader, None)

    async def _mind(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work; where an error ends it, no stream goes on that nobody looks after, and it begins anew (G7)."""
        is_over = False
        while not is_over:
            try:
                await work()
                is_over = True
            except Exception:
                logger.exception("streams end, for their process could not go on")
                self._close(list(self._queues))
                await asyncio.sleep(PAUSE_SECONDS)

    async def _attend(self) -> None:
        """Look at whoever waits for it: first whose access has changed, then the others as they came."""
        while True:
            await self._is_somebody_waiting.wait()
            first = sorted(self._waiting, key=lambda each: not _is_urgent(self._waiting[each]))[:LOOKED_AT_ONCE]
            news = {each: self._waiting.pop(each) for each in first}
            if not self._waiting:
                self._is_somebody_waiting.clear()
            if news:
                await self._look(news)

    async def _recheck(self) -> None:
        while True:
            await asyncio.sleep(self._settings.stream_recheck_seconds)
            self._wait(self._queues)

    def _hear(self, news: News) -> None:
        self._wait((each for each in self._queues if each.is_concerned(news)), news)

    def _wait(self, readers: Iterable[Reader], *news: News) -> None:
        for each in readers:
            self._waiting.setdefault(each, {}).update(dict.fromkeys(news))
            self._is_somebody_waiting.set()

    async def _listen(self) -> None:
        """Pass on what every process announces; where Redis is away, try again and again."""
        absence = of_live_events()
        while self._settings.redis:
            client = redis.from_url(self._settings.redis, socket_timeout=None, socket_connect_timeout=5)
            try:
                async with client, client.pubsub() as channel:
                    await channel.subscribe(CHANNEL)
                    self._is_listening = True
                    absence.end()
                    async for message in channel.listen():
                        if message["type"] == "message":
                            self._hear(News.model_validate_json(message["data"]))
            except (redis.RedisError, OSError, ValidationError) as error:
                absence.note(error)
            self._is_listening = False
            await asyncio.sleep(PAUSE_SECONDS)

    def _overhear(self, _: list[tuple[int, str]], news: list[News]) -> None:
        """Take this process's own news directly while nobody carries it."""
        if self._loop is not None and not self._is_listening:
            for each in news:
                with suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._hear, each)

    async def _look(self, news: dict[Reader, dict[News, None]]) -> None:
        """Ask the database, one look at a time, so that what a reader saw last is what the look before has left."""
        try:
            looked = await asyncio.get_running_loop().run_in_executor(self._looker, look, self._database, news)
        except SQLAlchemyError as error:
            # What cannot be decided is refused: they come back when it can be.
            logger.warning("streams end, for the database does not answer: %s", error)
            self._close([*news, *self._waiting])
            return
        for reader, told in looked:
            if reader in self._queues:
                for each in told:
                    _put(self._queues[reader], each)

    def _close(self, readers: list[Reader]) -> None:
        for reader in readers:
            if reader in self._queues:
                _put(self._queues[reader], None)


def _is_urgent(news: Collection[News]) -> bool:
    return any(each.kind is NewsKind.ACCESS for each in news)


def create_root(settings: Settings, database: Database, app: Flask) -> Starlette:
    """Return the ASGI application: the stream, and under everything else the pages."""
    streams = Streams(settings, database)

    async def stream(request: Request) -> Response:
        try:
            reader = await asyncio.to_thread(_reader, app, database, request)
        except Refusal as refusal:
            return PlainTextResponse(refusal.sentence, refusal.status)
        return StreamingResponse(streams.follow(reader), media_type="text/event-stream", headers=HEADERS)

    return Starlette(
        routes=[Route("/notifications/stream", stream, methods=["GET"]), Mount("/", pages(app))],
        middleware=[Middleware(cover, is_https=settings.is_https), Middleware(only_own_names, settings)],
        lifespan=lambda _: streams.running(),
    )


def _reader(app: Flask, database: Database, request: Request) -> Reader:
    """Return who asks for the stream, by the pages' own cookie, and where they go on from."""
    secret = _secret(app, request.cookies.get(app.config["SESSION_COOKIE_NAME"], ""))
    return read_on(database, secret, request.headers.get("last-event-id") or request.query_params.get("after", ""))


def _secret(app: Flask, cookie: str) -> str:
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    with suppress(BadSignature):
        lasts = int(app.permanent_session_lifetime.total_seconds())
        secret = serializer.loads(cookie, max_age=lasts).get(SECRET, "") if serializer else ""
        return secret if isinstance(secret, str) else ""
    return ""


def _put(queue: asyncio.Queue[Told | None], told: Told | None) -> None:
    try:
        queue.put_nowait(told)
    except asyncio.QueueFull:
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)
