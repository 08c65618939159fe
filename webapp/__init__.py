"""Who asks: the pages and forms of Guestlist, and the streams beside them."""

from datetime import timedelta
from pathlib import Path

from flask import Flask
from flask_bootstrap import Bootstrap5
from flask_wtf.csrf import CSRFProtect
from werkzeug.routing import BaseConverter
from werkzeug.utils import import_string

from models import Database, Settings
from webapp import dev, unsubscribe
from webapp.access import guard_views
from webapp.display import show_pages
from webapp.errors import answer_errors
from webapp.language import speak_languages
from webapp.shield import shield
from webapp.sizes import LARGEST_FORM, MOST_PARTS, bound_requests, hold_to_fields

TEMPLATES = Path(__file__).parent.parent / "templates"
PAGES = (
    "accounts",
    "audit",
    "cards",
    "contacts",
    "dev",
    "direct",
    "ends",
    "health",
    "imports",
    "languages",
    "notifications",
    "ops",
    "passwords",
    "removals",
    "reviews",
    "sign_in",
    "sign_ins",
    "sweeps",
    "talk",
    "unsubscribe",
    "users",
)


class Number(BaseConverter):
    """A row's id in an address: what no database can hold is no address."""

    regex = "[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value)


class Slug(BaseConverter):
    """An account's slug in an address."""

    regex = "[a-z0-9][a-z0-9-]{0,62}"


def create_app(settings: Settings, database: Database) -> Flask:
    """Return the Flask application on a database. It starts nothing, and connects when first asked."""
    app = Flask(__name__, template_folder=str(TEMPLATES))
    app.config.update(_config(settings))
    app.url_map.converters.update(number=Number, slug=Slug, mail=dev.MailName)
    app.extensions["settings"] = settings
    # Mending an address would lead to whatever host the request names: all links come from BASE_URL.
    app.url_map.merge_slashes = False
    shield(app)
    bound_requests(app, settings)
    speak_languages(app)
    guard_views(app, database)
    hold_to_fields(app)
    # After the guard, so that who may not act at all hears that, and not about tokens.
    csrf = CSRFProtect(app)
    Bootstrap5(app)
    show_pages(app)
    answer_errors(app)
    for name in PAGES:
        app.register_blueprint(import_string(f"webapp.{name}:pages"))
    csrf.exempt(unsubscribe.pages)
    return app


def _config(settings: Settings) -> dict[str, object]:
    return {
        "SECRET_KEY": settings.key,
        "MAX_CONTENT_LENGTH": LARGEST_FORM,
        "MAX_FORM_MEMORY_SIZE": LARGEST_FORM,
        "MAX_FORM_PARTS": MOST_PARTS,
        "SESSION_COOKIE_NAME": "__Host-guestlist" if settings.is_https else "guestlist",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": settings.is_https,
        "PERMANENT_SESSION_LIFETIME": timedelta(days=settings.session_days),
        "SEND_FILE_MAX_AGE_DEFAULT": timedelta(days=7),
        # A token lives as long as the session it belongs to; pages may stay open for days.
        "WTF_CSRF_TIME_LIMIT": None,
        # Token pages send no referrer at all.
        "WTF_CSRF_SSL_STRICT": False,
    }
