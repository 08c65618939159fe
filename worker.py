"""What carries out jobs: `dramatiq worker` runs their actors, `python -m worker` the clock and the relay."""

import signal

import dramatiq
from dramatiq.middleware import TimeLimit

from jobs import bell, broker, clock, durable, ledger, live, relay, supervisor
from models import Database, logs, settings

# A job that takes longer than its lease would be done twice; it is stopped before.
TIME_LIMIT = settings().job_lease_seconds * 800
# Milliseconds between two looks at who is over time: short beside what is left of the lease then.
LOOK_EVERY = 200

# Asked politely it would wait for the dead: Dramatiq tells its parent when it has started, and waits to be heard.
supervisor.die_with_parent(signal.SIGKILL)
logs.begin_log(settings().log_level)

database = Database(settings().database)
book = ledger.Ledger(database, settings())
in_time = TimeLimit(time_limit=TIME_LIMIT, interval=LOOK_EVERY)
doorbell = broker.connect(settings().broker, [durable.Durable(book), in_time])
database.on_commit(bell.Bell(database, doorbell, live.Live(settings().redis)))
dramatiq.set_broker(doorbell)

# An actor belongs to the broker that is set when it is imported.
from jobs import mail, removals, upkeep  # noqa: E402, F401

if __name__ == "__main__":
    clock.run(database, settings(), relay.Relay(book, doorbell), doorbell)
