"""Carries requests from the event loop into the threads of the pages, each when it is there as a whole."""

import asyncio
from typing import cast

from a2wsgi import WSGIMiddleware
from flask import Flask
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from webapp.sizes import largest_at

WORKERS = 16
# For a form of the largest size over a telephone.
BODY_SECONDS = 60.0
SENTENCE = "This request did not arrive as a whole.\n"


class Incomplete(Exception):
    """The other side has left, or speaks no sense."""


def pages(app: Flask, *, patience: float = BODY_SECONDS) -> ASGIApp:
    """Return the pages as an ASGI application.

    No thread waits for what a request still has to say: else a few that say nothing would keep out everybody.
    """
    flask = cast(ASGIApp, WSGIMiddleware(app, workers=WORKERS))  # type: ignore[arg-type]

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(patience):
                body, is_whole = await _body(scope, receive, largest_at(app, scope.get("path", "")))
        except (TimeoutError, Incomplete) as error:
            status = 408 if isinstance(error, TimeoutError) else 400
            await PlainTextResponse(SENTENCE, status, headers={"Connection": "close"})(scope, receive, send)
        else:
            answer = send if is_whole else _closing(send)
            await flask({**scope, "headers": _headers(scope, len(body))}, _giving(body), answer)

    return serve


async def _body(scope: Scope, receive: Receive, largest: int) -> tuple[bytes, bool]:
    """Return what was sent, and whether that is all: of what is too large, a beginning. Raises Incomplete."""
    body = bytearray()
    if _announced(scope) > largest:
        return bytes(body), False
    while len(body) <= largest:
        message = await receive()
        if message["type"] != "http.request":
            raise Incomplete
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body), True
    return bytes(body), False


def _closing(send: Send) -> Send:
    """Say that the connection ends with the answer: what of the request was not read is still on it."""

    async def answer(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await send(message)

    return answer


def _headers(scope: Scope, length: int) -> list[tuple[bytes, bytes]]:
    # In the environment an underscore is a hyphen: nobody passes a header for another that proxies set.
    plain = [(name, value) for name, value in scope["headers"] if b"_" not in name and name != b"transfer-encoding"]
    # What came in chunks is whole now; without its length the pages would read nothing.
    is_told = any(name == b"content-length" for name, _ in plain)
    return plain if is_told or not length else [*plain, (b"content-length", str(length).encode())]


def _announced(scope: Scope) -> int:
    told = dict(scope["headers"]).get(b"content-length", b"")
    return int(told) if told.isdigit() else 0


def _giving(body: bytes) -> Receive:
    # The bridge insists on a coroutine; granian hands out awaitables of its own.
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
