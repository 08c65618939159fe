"""What open pages are told about a change that has just been committed."""

from collections.abc import Iterable
from enum import StrEnum

from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session

CHANNEL = "guestlist:news"
_NEWS = "news"


class NewsKind(StrEnum):
    NOTIFICATION = "notification"
    CARD = "card"
    DIRECT = "direct"
    USERS = "users"
    ACCESS = "access"


class News(BaseModel):
    """A hint to look again, never the content: the stream reads what its reader may see, and sends that.

    NOTIFICATION and ACCESS concern one user, DIRECT likewise; CARD everyone who has the card open;
    USERS the admins of the account.
    """

    model_config = ConfigDict(frozen=True)

    kind: NewsKind
    account_id: int | None = None
    user_id: int | None = None
    card_id: int | None = None


def announce(session: Session, kind: NewsKind, **about: int | None) -> None:
    """Tell open pages, once the caller's transaction has committed. Telling twice tells once."""
    announce_all(session, [News(kind=kind, **about)])


def announce_all(session: Session, news: Iterable[News]) -> None:
    """Do the same for each of these."""
    session.info.setdefault(_NEWS, {}).update(dict.fromkeys(news))


def announced(session: Session) -> list[News]:
    """Return what open pages are to be told, each piece once."""
    return list(session.info.pop(_NEWS, {}))
