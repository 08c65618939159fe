"""The Dramatiq broker: a doorbell, whose messages name a job and hold nothing that could be lost."""

import logging
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import redis
from dramatiq import Broker, Message, Middleware
from dramatiq.broker import MessageProxy
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.common import dq_name
from dramatiq.errors import BrokerConnectionError, ConnectionClosed, DecodeError
from pika.exceptions import AMQPError
from redis.backoff import NoBackoff
from redis.retry import Retry

QUEUE = "default"
REDIS_ID = "redis_message_id"
# What a broker that is away may raise.
AWAY = (redis.RedisError, BrokerConnectionError, AMQPError, OSError)
SOCKET_TIMEOUT = 3.0
# How long a worker waits at the door before it looks whether it should stop.
WAIT_SECONDS = 1.0
FULL_PAUSE_SECONDS = 0.005
# A worker speaks every second; one silent for so long is gone.
FORGET_AFTER_SECONDS = 3600


def _is_news(record: logging.LogRecord) -> bool:
    """Return False for what each consumer says every second while the broker is away: the relay says it for all."""
    return not str(record.msg).startswith(("Consumer encountered a connection error", "Restarting consumer"))


for name in (QUEUE, dq_name(QUEUE)):
    logging.getLogger(f"dramatiq.worker.ConsumerThread({name})").addFilter(_is_news)


class Listening(_RedisConsumer):
    """A consumer that waits for the next message where Dramatiq's own sleeps and looks again."""

    def __init__(self, broker: RedisBroker, queue_name: str, prefetch: int, timeout: int) -> None:  # noqa: ARG002
        super().__init__(broker, queue_name, prefetch, 0)  # type: ignore[no-untyped-call]
        self.key = f"{broker.namespace}:{queue_name}"

    def __next__(self) -> MessageProxy | None:
        message = self._next_bell()
        if message is None and self.outstanding_message_count < self.prefetch:
            try:
                # Moves the head of the queue onto itself: a look that waits until there is one.
                self.broker.client.blmove(self.key, self.key, WAIT_SECONDS, "LEFT", "LEFT")
            except redis.ConnectionError as error:
                raise ConnectionClosed(error) from None  # type: ignore[no-untyped-call]
        elif message is None:
            time.sleep(FULL_PAUSE_SECONDS)
        return message

    def _next_bell(self) -> MessageProxy | None:
        """Return the next message of ours. One that is not would end the thread that takes it up, or all of them."""
        try:
            message: MessageProxy | None = super().__next__()  # type: ignore[no-untyped-call]
        except DecodeError as error:
            self.logger.warning("A message that cannot be read is dropped: %.500r", error.data)
            return None
        if message is not None and (message.queue_name != self.queue_name or REDIS_ID not in message.options):
            self.logger.warning("A message that is not for this queue is dropped: %.500r", message)
            self.queued_message_ids.discard(message.message_id)
            return None
        return message

    def ack(self, message: MessageProxy) -> None:
        """Acknowledge. While Redis is away there is no need to: the job's row knows that it is done."""
        try:
            super().ack(message)  # type: ignore[no-untyped-call]
        except (ConnectionClosed, redis.RedisError) as error:
            self.logger.debug("Not acknowledged: %s", error)


class RedisDoorbell(RedisBroker):
    """Redis or Valkey, without the maintenance that scans every key of a server shared with others."""

    def __init__(self, url: str, middleware: Sequence[Middleware]) -> None:
        client = redis.Redis.from_url(
            url, socket_timeout=SOCKET_TIMEOUT, socket_connect_timeout=SOCKET_TIMEOUT, retry=Retry(NoBackoff(), 1)
        )
        super().__init__(client=client, middleware=list(middleware), maintenance_chance=0)  # type: ignore[no-untyped-call]

    @property
    def consumer_class(self) -> type[Listening]:
        return Listening

    def depth(self) -> int:
        """Return how many messages wait to be fetched."""
        return int(self.client.llen(f"{self.namespace}:{QUEUE}"))

    def tidy(self) -> None:
        """Forget what killed workers had fetched, and dead letters: the rows of their jobs know better."""
        heartbeats, messages = f"{self.namespace}:__heartbeats__", f"{self.namespace}:{QUEUE}.msgs"
        self.client.delete(f"{self.namespace}:{QUEUE}.XQ", f"{self.namespace}:{QUEUE}.XQ.msgs")
        latest = (time.time() - FORGET_AFTER_SECONDS) * 1000
        silent: bytes
        for silent in self.client.zrangebyscore(heartbeats, 0, latest):  # type: ignore[assignment]
            fetched = f"{self.namespace}:__acks__.{silent.decode()}.{QUEUE}"
            names = self.client.smembers(fetched)
            if names:
                self.client.hdel(messages, *names)
            self.client.delete(fetched)
            self.client.zrem(heartbeats, silent)


class RabbitDoorbell(RabbitmqBroker):
    """RabbitMQ, which hands messages to those who wait and takes back those of the dead by itself."""

    def __init__(self, url: str, middleware: Sequence[Middleware]) -> None:
        super().__init__(url=url, middleware=list(middleware))
        # As Dramatiq's own workers do: whoever is told of a broker away need not hear it ten times.
        logging.getLogger("pika").setLevel(logging.CRITICAL)

    def depth(self) -> int:
        """Return how many messages wait to be fetched."""
        self.declare_queue(QUEUE, ensure=True)
        return int(self.get_queue_message_counts(QUEUE)[0])

    def tidy(self) -> None:
        """RabbitMQ keeps itself tidy."""


Doorbell = RedisDoorbell | RabbitDoorbell


def connect(url: str, middleware: Sequence[Middleware] = ()) -> Doorbell:
    """Return a broker for the URL; nothing is opened before the first message."""
    kind: Any = RabbitDoorbell if urlsplit(url).scheme.startswith("amqp") else RedisDoorbell
    doorbell: Doorbell = kind(url, middleware)
    return doorbell


def job_of(message: Message[None] | MessageProxy) -> int | None:
    """Return the id of the job that a message rings for; None where it is no bell of ours."""
    match message.args:
        case (int(job_id),) if not message.kwargs:
            return job_id
    return None


def ring(broker: Broker, job_id: int, actor: str) -> None:
    """Put a message for the job into the queue. Raises one of AWAY."""
    broker.enqueue(Message(queue_name=QUEUE, actor_name=actor, args=(job_id,), kwargs={}, options={}))
