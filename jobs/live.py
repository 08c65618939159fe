"""Tells the web processes what has just changed, by Redis' publish and subscribe."""

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from jobs.broker import SOCKET_TIMEOUT
from models.news import CHANNEL, News


class Live:
    """Publishes news as JSON. Where there is no Redis it is silent, and pages show changes when loaded."""

    def __init__(self, url: str) -> None:
        self._client = (
            redis.Redis.from_url(
                url, socket_timeout=SOCKET_TIMEOUT, socket_connect_timeout=SOCKET_TIMEOUT, retry=Retry(NoBackoff(), 1)
            )
            if url
            else None
        )

    def publish(self, news: list[News]) -> None:
        """Send each piece of news to whoever listens now. Raises redis.RedisError."""
        if self._client is None or not news:
            return
        pipeline = self._client.pipeline(transaction=False)
        for each in news:
            pipeline.publish(CHANNEL, each.model_dump_json())
        pipeline.execute()
