"""One try at the door: how many there were lately decides whether another is heard."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, now


class AttemptKind(StrEnum):
    SIGN_IN = "sign_in"
    RESET = "reset"


class Attempt(Base):
    """A try that has not succeeded. What was typed is kept as a digest: it may be anything.

    `browser` is set where the browser is known to belong to the person, and counts by itself.
    """

    __tablename__ = "attempts"
    __table_args__ = (
        Index("ix_attempts_source", "source", "at"),
        Index("ix_attempts_person", "person", "at"),
    )

    kind: Mapped[AttemptKind]
    at: Mapped[datetime] = mapped_column(default=now)
    source: Mapped[str] = mapped_column(String(64))
    person: Mapped[str] = mapped_column(String(64))
    browser: Mapped[str | None] = mapped_column(String(64))
