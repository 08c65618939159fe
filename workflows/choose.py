"""Choose the language to read, on pages and in mails."""

from sqlalchemy import update
from sqlalchemy.orm import Session

from models import User


def choose_language(session: Session, user_id: int, *, language: str) -> None:
    """Keep what a person wants to read; where that is nothing, their account decides."""
    session.execute(update(User).where(User.id == user_id).values(language=language or None))
