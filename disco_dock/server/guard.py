"""What every request passes first: its host, origin, token and size; and the headers of every answer."""

from __future__ import annotations

import re
import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from disco_dock.server.settings import ServeSettings

COOKIE = "disco_dock_token"
OPEN = ("/v1/health/live", "/v1/health/ready")
SHARED = "/shared/"
"""Reports under a key that nobody can guess: what is shared is read without the token."""
LOOPBACK = ("127.0.0.1", "localhost", "::1", "0.0.0.0")  # noqa: S104 - how NVIDIA's notebooks call this machine

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
REPORT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' blob:; style-src 'unsafe-inline'; img-src data: blob:; "
    "worker-src blob:; font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "sandbox allow-scripts allow-downloads allow-popups"
)
"""Reports hold their scripts, and what is in them came from a client: they run without this site's origin."""

HEADERS = {
    "content-security-policy": PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """ASGI middleware with the checks that no route may forget.

    - A server on a loopback address, or with a list of allowed hosts, answers only under these names, so that a page of
      another site whose name was turned to 127.0.0.1 (DNS rebinding) learns nothing.
    - A request that a page of another origin makes is refused.
    - With a token, every request but those for health and for shared reports carries it: as `Authorization: Bearer`,
      or as the cookie that a visit of `/?token=...` sets.
    - A body is cut off as soon as it is larger than allowed, whatever its header said.
    """

    def __init__(self, app: ASGIApp, settings: ServeSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        path = _plain_path(scope["path"])
        if path != scope["path"]:
            scope = {**scope, "path": path, "raw_path": path.encode()}
        headers = Headers(scope=scope)
        answer = self._refusal(scope, headers)
        if answer is not None:
            await answer(scope, receive, _with_headers(send))
            return
        await self._app(scope, self._limited(receive), _with_headers(send))

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """The answer to a request that may not pass, else None."""
        host = headers.get("host", "")
        settings = self._settings
        listed = settings.loopback or bool(settings.allowed_hosts)
        if listed and _name(host) not in (*LOOPBACK, settings.host, *settings.allowed_hosts):
            return _problem(
                403, f"this server does not answer under the name {_name(host)!r:.80}; use 127.0.0.1 or --allowed-host"
            )
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return _problem(
                403, "requests from pages of other sites are refused; use this server's own page or no browser"
            )
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._settings.max_bytes:
            return _problem(413, self._too_large())
        return self._token_refusal(scope, headers)

    def _token_refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """The answer to a request without the token; a visit with the token in its address sets the cookie."""
        token = self._settings.token
        if token is None or scope["path"] in OPEN:
            return None
        if scope["path"].startswith(SHARED) and scope["method"] == "GET":
            return None
        if scope["path"] == "/" and scope["method"] == "GET":
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if _same(given, token):
                answer = RedirectResponse("/", status_code=303)
                answer.set_cookie(COOKIE, token, httponly=True, samesite="strict")
                return answer
        scheme, _, value = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(value.strip(), token):
            return None
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            cookie = None
        if cookie is not None and _same(cookie.value, token):
            return None
        answer = _problem(
            401, "this server wants a token: open /?token=... in a browser, or send Authorization: Bearer"
        )
        answer.headers["www-authenticate"] = "Bearer"
        return answer

    def _too_large(self) -> str:
        return f"the request is larger than {self._settings.max_upload_mb:g} MB; this server accepts no more"

    def _limited(self, receive: Receive) -> Receive:
        """`receive` that fails when the body grows too large."""
        total = 0

        async def limited() -> Message:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            if total > self._settings.max_bytes:
                raise HTTPException(413, self._too_large())
            return message

        return limited


def _plain_path(path: str) -> str:
    """A path whose parts a client joined with a slash too many, as NVIDIA's notebooks do, or ended with one."""
    return re.sub(r"/{2,}", "/", path).rstrip("/") or "/"


def _name(host: str) -> str:
    """The name in a Host header, without the port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _same(given: str, token: str) -> bool:
    return secrets.compare_digest(given.encode(), token.encode())


def _problem(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"detail": sentence}, status)


def _with_headers(send: Send) -> Send:
    """`send` that adds the headers which an answer has not set itself."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sent
