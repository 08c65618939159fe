"""A browser of few words: it keeps cookies, and sends the CSRF token that its pages carry."""

import re
import ssl
from secrets import randbelow
from typing import Any

import httpx

TOKEN = re.compile(r"""<[^>]*name=["']csrf_token["'][^>]*>""")
VALUE = re.compile(r"""(?:value|content)=["']([^"']+)["']""")


# Nothing is encrypted here; by itself each client would read every certificate of the system.
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Browser:
    """Follows no redirect by itself, so that a test sees the 303 and its Location."""

    def __init__(self, url: str) -> None:
        # Each browser is somewhere else, as the proxy in front would tell.
        at = f"10.{randbelow(256)}.{randbelow(256)}.{randbelow(256)}"
        self.http = httpx.Client(
            base_url=url, timeout=30, headers={"X-Forwarded-For": at}, verify=PLAIN, trust_env=False
        )
        self.token = ""

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self._seen(self.http.get(path, headers=headers))

    def post(
        self, path: str, *, files: Any = None, headers: dict[str, str] | None = None, **fields: Any
    ) -> httpx.Response:
        """Send a form as the page would. A field that is a list is sent repeatedly; `csrf_token=""` sends none."""
        if "csrf_token" not in fields:
            fields["csrf_token"] = self.token or self._fetch_token()
        data = {name: value for name, value in fields.items() if name != "csrf_token" or value}
        return self._seen(self.http.post(path, data=data, files=files, headers=headers))

    def sign_in(self, email: str, password: str, **fields: str) -> httpx.Response:
        """Sign in by the form; the answer's Location is where it leads."""
        answer = self.post("/login", email=email, password=password, **fields)
        # Who signs in gets a new session, and with it a new token.
        self.token = ""
        return answer

    def follow(self, answer: httpx.Response) -> httpx.Response:
        """Open the page that an answer leads to."""
        assert answer.is_redirect, f"{answer.status_code} leads nowhere:\n{answer.text[:2000]}"
        return self.get(answer.headers["Location"])

    def close(self) -> None:
        self.http.close()

    def _fetch_token(self) -> str:
        page = self.get("/login")
        while page.is_redirect:
            page = self.follow(page)
        assert self.token, f"{page.url} carries no CSRF token:\n{page.text[:2000]}"
        return self.token

    def _seen(self, answer: httpx.Response) -> httpx.Response:
        if field := TOKEN.search(answer.text):
            value = VALUE.search(field.group())
            self.token = value.group(1) if value else self.token
        return answer
