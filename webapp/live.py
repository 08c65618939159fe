"""The event stream beside the pages: one listener a process, and one look for all its readers at a time."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
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

from models import Database, News, Settings
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
# A reader who takes nothing off is let go: they come back, and resume.
LONGEST_QUEUE = 500
HEADERS = {"X-Accel-Buffering": "no"}
BEAT = b": still here\n\n"


class Streams:
    """All open streams of this process. Everything but the database's work happens in its event loop."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database
        self._queues: dict[Reader, asyncio.Queue[Told | None]] = {}
        self._news: asyncio.Queue[News] = asyncio.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._looking, self._is_listening = asyncio.Lock(), False
        database.on_commit(self._overhear)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen and look for as long as the application runs."""
        self._loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(self._mind(work)) for work in (self._listen, self._hear, self._recheck)]
        try:
            yield
        finally:
            self._close(list(self._queues))
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def follow(self, reader: Reader) -> AsyncIterator[bytes]:
        """Yield a reader's events, from what they missed until they may see nothing any more."""
        queue = self._queues[reader] = asyncio.Queue(LONGEST_QUEUE)
        try:
            yield b"retry: 1000\n\n"
            await self._look([reader], [])
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

    async def _hear(self) -> None:
        while True:
            once = {await self._news.get(): None}
            while not self._news.empty():
                once[self._news.get_nowait()] = None
            await self._look([each for each in self._queues if any(map(each.is_concerned, once))], list(once))

    async def _recheck(self) -> None:
        while True:
            await asyncio.sleep(self._settings.stream_recheck_seconds)
            await self._look(list(self._queues), [])

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
                            self._news.put_nowait(News.model_validate_json(message["data"]))
            except (redis.RedisError, OSError, ValidationError) as error:
                absence.note(error)
            self._is_listening = False
            await asyncio.sleep(PAUSE_SECONDS)

    def _overhear(self, _: list[tuple[int, str]], news: list[News]) -> None:
        """Take this process's own news directly while nobody carries it."""
        if self._loop is not None and not self._is_listening:
            for each in news:
                with suppress(RuntimeError):
                    self._loop.call_soon_threadsafe(self._news.put_nowait, each)

    async def _look(self, readers: list[Reader], news: list[News]) -> None:
        if not readers:
            return
        # One look at a time, so that what a reader saw last is what the look before has left.
        async with self._looking:
            try:
                looked = await asyncio.to_thread(look, self._database, readers, news)
            except SQLAlchemyError as error:
                # What cannot be decided is refused: they come back when it can be.
                logger.warning("streams end, for the database does not answer: %s", error)
                self._close(readers)
                looked = []
        for reader, told in looked:
            if reader in self._queues:
                for each in told:
                    _put(self._queues[reader], each)

    def _close(self, readers: list[Reader]) -> None:
        for reader in readers:
            if reader in self._queues:
                _put(self._queues[reader], None)


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
