"""What forms may hold: every field that comes in is checked here first."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from flask import request
from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from models import now
from models.language import ENGLISH, LANGUAGES, gettext, spoken
from models.visible import plain
from workflows.refusals import BadEndDate, BadInput, TextTooLong

LARGEST_ID = 2**63 - 1
Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]
# Many times what a page offers, and well below what a statement can carry.
Ids = Annotated[list[Id], Field(max_length=10_000)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]
Address = Annotated[str, StringConstraints(max_length=2000)]
# An empty field is no yes.
Unticked = BeforeValidator(lambda typed: typed or False)
Password = Annotated[str, StringConstraints(max_length=5000)]


class Form(BaseModel):
    """The fields of one form; what it does not name is left alone."""

    @model_validator(mode="before")
    @classmethod
    def _printable(cls, given: dict[str, object]) -> dict[str, object]:
        for value in given.values():
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str) and "\x00" in text:
                    raise ValueError(gettext("This form holds a character that cannot be kept."))
        return given

    @classmethod
    def read(cls) -> Self:
        """Return the form that was sent. Raises BadInput, naming the field."""
        given: dict[str, object] = {}
        for name, field in cls.model_fields.items():
            sent = request.form.getlist(name)
            if sent:
                given[name] = sent if "list" in str(field.annotation) else sent[-1]
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            raise BadInput(_sentence(error)) from None


class Asked(BaseModel):
    """What a list is asked for in its address: a part of a name, and which page. What is not sensible is left out."""

    q: str = ""
    page: int = 0

    @classmethod
    def read(cls) -> Self:
        """Return what the address asks for."""
        page = request.args.get("page", 0, type=int) or 0
        return cls(q=plain(request.args.get("q", ""))[:100], page=max(0, min(page, 10_000)))

    def on(self, page: int) -> dict[str, object]:
        """Return what the address of a page of the same list asks for."""
        return {name: value for name, value in (*self, ("page", page)) if value}


def before(name: str = "before") -> int:
    """Return the id that the address asks for what is older of; 0 where it asks for the newest."""
    asked = request.args.get(name, 0, type=int) or 0
    return asked if 0 < asked <= LARGEST_ID else 0


class SignInForm(Form):
    email: Address = ""
    password: Password = ""
    next: str = ""


class PasswordForm(Form):
    password: Password = ""
    password_confirm: Password = ""
    name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""


class ChangeForm(PasswordForm):
    password_current: Password = ""


class ForgotForm(Form):
    email: Address = ""


class InviteForm(Form):
    email: Address = ""
    name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""
    group: Line = ""
    expires_on: Line = ""
    # Whether former access is restored, and on which former membership's page that was asked for (R13).
    restore: bool = False
    again: Id | None = None

    @model_validator(mode="before")
    @classmethod
    def _unchosen(cls, given: dict[str, object]) -> dict[str, object]:
        return {name: value for name, value in given.items() if value != ""}


class EndForm(Form):
    expires_on: Line = ""


class DeleteForm(Form):
    ids: Ids = []
    confirm: Annotated[bool, Unticked] = False


class ImportForm(Form):
    # The number of a list, or a yes to the last one.
    confirm: Annotated[Id | bool, Field(union_mode="left_to_right"), Unticked] = False

    @property
    def import_id(self) -> int | None:
        """Which list is confirmed; None where the form leaves that open."""
        return None if self.confirm is True else self.confirm


class CardForm(Form):
    name: str = ""
    contact_id: Id | None = None
    company_id: Id | None = None

    @model_validator(mode="before")
    @classmethod
    def _unchosen(cls, given: dict[str, object]) -> dict[str, object]:
        return {name: value for name, value in given.items() if value != ""}


class FieldsForm(Form):
    name: str | None = None
    new_label: str = ""
    new_value: str = ""
    contact_id: Id | None = None
    company_id: Id | None = None

    @field_validator("contact_id", "company_id", mode="before")
    @classmethod
    def _none(cls, given: object) -> object:
        return None if given == "" else given

    @property
    def about(self) -> dict[str, int | None]:
        """What the form says the card is about; what it leaves out stays as it is."""
        return self.model_dump(include={"contact_id", "company_id"}, exclude_unset=True)


class ContactForm(Form):
    name: str | None = None
    email: Address | None = None
    phone: str | None = None
    position: str | None = None


class CompanyForm(Form):
    name: str | None = None
    website: str | None = None
    address: str | None = None


class TextForm(Form):
    text: str = ""


class TaskForm(TextForm):
    due_on: Line = ""


class ChatForm(TextForm):
    to: Ids = []
    expires_on: Line = ""


class ReadForm(Form):
    """Up to which notification all is read; of a thread where it names its card, or who wrote directly."""

    newest: Annotated[int, Field(ge=0, le=LARGEST_ID)]
    card_id: Id | None = None
    author_id: Id | None = None


class PreferencesForm(Form):
    wants_mail: bool = False


class LanguageForm(Form):
    """The language to read from now on, and the page to go on to."""

    language: Line = ""
    next: str = ""

    @field_validator("language")
    @classmethod
    def _spoken_here(cls, typed: str) -> str:
        return typed if typed in LANGUAGES else ""


class SweepForm(Form):
    kind: Line = ""


class RepairForm(Form):
    finding: Id | None = None


class JobsForm(Form):
    ids: Ids = []
    every: str = ""
    state: Line = ""
    kind: Line = ""


def day(typed: str) -> date | None:
    """Return the day that was typed as year-month-day; None where nothing was. Raises BadInput."""
    if not typed:
        return None
    try:
        return date.fromisoformat(typed)
    except ValueError:
        said = gettext("“%(typed)s” is not a date, written as year-month-day.", typed=typed[:40])
        raise BadInput(said) from None


def end_of_day(typed: str, zone: ZoneInfo) -> datetime | None:
    """Return the moment in which the typed day is over in a time zone; None where none was typed. Raises BadEndDate."""
    try:
        last = day(typed)
        if last is None:
            return None
        ends_at = datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)
    except (BadInput, OverflowError):
        raise BadEndDate(typed[:40]) from None
    if ends_at <= now():
        raise BadEndDate(typed[:40])
    return ends_at


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    # What the library says of forms that no page has made, it says in English.
    is_told = spoken() == ENGLISH or first["type"] == "value_error"
    message = first["msg"].removeprefix("Value error, ") if is_told else gettext("This cannot be taken.")
    if first["type"] == "string_too_long":
        message = TextTooLong(first["ctx"]["max_length"]).sentence
    field = next((str(part) for part in first["loc"] if isinstance(part, str)), "")
    return f"{gettext(field.replace('_', ' ').capitalize())}: {message}" if field else message
