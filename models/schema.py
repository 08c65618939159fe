"""Brings a database to this version of the tables, and tells whether it is there."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from models.database import Database


def migrate(database: Database) -> None:
    """Run every migration that the database has not had. Running it twice changes nothing."""
    config = _config()
    with database.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current(database: Database) -> bool:
    """Return whether the database has had every migration of this version."""
    url = database.engine.url
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        # Asking would make an empty one.
        return False
    with database.reading() as session:
        applied = MigrationContext.configure(session.connection()).get_current_revision()
    return applied == ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
