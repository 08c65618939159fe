"""What is true: every table, the settings, and the database they live in."""

from models.account import Account
from models.attempt import Attempt, AttemptKind
from models.audit import AuditEvent, Event, in_lines, lines_about, record, record_each
from models.base import Base, now
from models.bulk import Import, ImportRow, ImportStatus, RowStatus
from models.card import Card, CardField, CardKind, Note, Task
from models.contact import Company, Contact
from models.database import Database, insert_once, insert_or_hold
from models.delivery import Delivery, DeliveryStatus, Template
from models.grant import Grant
from models.invitation import Invitation, InvitationStatus
from models.job import Job, JobStatus, Pause, enqueue
from models.membership import Group, Membership, MembershipStatus
from models.message import Addressee, Message, MessageKind
from models.news import News, NewsKind, announce
from models.notification import Notification
from models.removal import Removal, RemovalStatus
from models.review import Review, ReviewOutcome
from models.settings import Settings, settings
from models.sweep import Finding, Severity, Sweep, SweepKind, Tick
from models.user import Link, LinkPurpose, User, UserSession
from models.writes import Unchanged, Writes, unsynced, write

__all__ = [
    "Account",
    "Addressee",
    "Attempt",
    "AttemptKind",
    "AuditEvent",
    "Base",
    "Card",
    "CardField",
    "CardKind",
    "Company",
    "Contact",
    "Database",
    "Delivery",
    "DeliveryStatus",
    "Event",
    "Finding",
    "Grant",
    "Group",
    "Import",
    "ImportRow",
    "ImportStatus",
    "Invitation",
    "InvitationStatus",
    "Job",
    "JobStatus",
    "Link",
    "LinkPurpose",
    "Membership",
    "MembershipStatus",
    "Message",
    "MessageKind",
    "News",
    "NewsKind",
    "Note",
    "Notification",
    "Pause",
    "Removal",
    "RemovalStatus",
    "Review",
    "ReviewOutcome",
    "RowStatus",
    "Settings",
    "Severity",
    "Sweep",
    "SweepKind",
    "Task",
    "Template",
    "Tick",
    "User",
    "UserSession",
    "Unchanged",
    "Writes",
    "announce",
    "enqueue",
    "in_lines",
    "insert_once",
    "insert_or_hold",
    "lines_about",
    "now",
    "record",
    "record_each",
    "settings",
    "unsynced",
    "write",
]
