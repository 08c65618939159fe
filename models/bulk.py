"""A list of people whom an admin wants to invite, as it was uploaded, and what became of each of its rows (R12)."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from models.base import Base, now
from models.membership import Membership


class ImportStatus(StrEnum):
    CHECKED = "checked"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    # Whoever confirmed it lost the right to invite.
    STOPPED = "stopped"


class RowStatus(StrEnum):
    WAITING = "waiting"
    INVITED = "invited"
    REFUSED = "refused"


class Import(Base):
    """One uploaded file: checked, then confirmed by an admin, in whose name its rows are invited."""

    __tablename__ = "imports"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    file_name: Mapped[str] = mapped_column(String(200))
    status: Mapped[ImportStatus] = mapped_column(default=ImportStatus.CHECKED)
    uploaded_by_id: Mapped[int] = mapped_column(ForeignKey("memberships.id"))
    uploaded_at: Mapped[datetime] = mapped_column(default=now)
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("memberships.id"))
    confirmed_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    uploaded_by: Mapped[Membership] = relationship(foreign_keys=uploaded_by_id)
    confirmed_by: Mapped[Membership | None] = relationship(foreign_keys=confirmed_by_id)

    @property
    def is_running(self) -> bool:
        return self.status is ImportStatus.RUNNING

    @property
    def is_over(self) -> bool:
        """Whether no row of it will be invited any more."""
        return self.finished_at is not None


class ImportRow(Base):
    """One person of the file. Rows that wait are what is left to do; one that is refused says why.

    Where an import has ended before their turn, rows go on waiting, and the import says why.
    """

    __tablename__ = "import_rows"
    __table_args__ = (
        Index("uq_import_rows_line", "import_id", "line", unique=True),
        Index("ix_import_rows_left", "import_id", "status", "line"),
    )

    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id"))
    line: Mapped[int]
    # As they stand in the file, what does not print spelt out.
    email: Mapped[str] = mapped_column(String(320))
    name: Mapped[str] = mapped_column(String(200))
    group: Mapped[str] = mapped_column(String(40))
    # Where mail would go; empty where it can go nowhere.
    address: Mapped[str] = mapped_column(String(254), default="")
    status: Mapped[RowStatus] = mapped_column(default=RowStatus.WAITING)
    reason: Mapped[str] = mapped_column(String(400), default="")
    invitation_id: Mapped[int | None] = mapped_column(ForeignKey("invitations.id"), index=True)
