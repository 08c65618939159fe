"""How Alembic runs here: on a connection that is handed in, in one transaction."""

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection

import models


def render(kind: str, item: object, _: AutogenContext) -> str | Literal[False]:
    """Write the type of a moment into a migration as what the database holds, not as our class."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, models.base.UTCDateTime) else False


def run(connection: Connection) -> None:
    """Migrate. On SQLite a table is changed by rebuilding it, which foreign keys would turn into deletions."""
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.rollback()
    context.configure(
        connection=connection, target_metadata=models.Base.metadata, render_as_batch=True, render_item=render
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
    if is_sqlite:
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")


run(context.config.attributes["connection"])
