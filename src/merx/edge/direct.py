"""Owns the short way from a request to a dialect's handler. Litestar routes, checks and describes the handlers; what
its machinery does for each request costs more than most of them do. So an ordinary handler (a request, parts of the
path, perhaps a body) is called from here, by the same steps in the same order: guards, the body's type, arguments,
answer. Whatever is out of the ordinary goes through Litestar.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from inspect import isawaitable
from typing import Any
from uuid import UUID

from litestar import Litestar, Response
from litestar._asgi.utils import is_valid_host
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.types import Receive, Scope, Send
from litestar.utils import normalize_path

from merx.edge.app import Dialect, MerxRequest, MerxResponse, encode, failure
from merx.edge.headers import Header
from merx.edge.sending import json_headers, send_whole

_valid_host = lru_cache(1024)(is_valid_host)


class _Plan:
    """How one handler is called."""

    __slots__ = ("before", "fn", "guards", "handler", "parts", "start", "takes_data", "takes_request")

    def __init__(self, handler: HTTPRouteHandler) -> None:
        taken = handler.parsed_fn_signature.parameters
        self.handler = handler
        self.fn: Callable[..., Any] = handler.fn
        # Litestar would send a plain function to a thread. Guards wait for nothing, so they are called as they are.
        self.guards = [getattr(guard, "func", guard) for guard in handler.resolve_guards()]
        self.before = handler.resolve_before_request()
        self.takes_request, self.takes_data = "request" in taken, "data" in taken
        self.parts = [(name, one.annotation) for name, one in taken.items() if name not in ("request", "data")]

    def arguments(self, params: dict[str, Any]) -> dict[str, Any] | None:
        """The parts of the path; None where one is not as the handler wants it."""
        found = {}
        for name, wanted in self.parts:
            value = params.get(name)
            if value.__class__ is not wanted:
                return None
            found[name] = value
        return found


class Direct:
    """A dialect's Litestar app, as ASGI, without most of Litestar."""

    def __init__(self, dialect: Dialect, app: Litestar) -> None:
        self.litestar = app
        self.route = app.asgi_router.handle_routing
        self._dialect = dialect
        self._plans: dict[Any, _Plan | None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._find(scope)
        if found is None:
            await self.litestar(scope, receive, send)
            return
        request = MerxRequest(scope, receive, send)
        answer = await self._answer(*found, request)
        if isinstance(answer, bytes):
            await send_whole(send, found[0].handler.status_code, json_headers(answer), answer)
        else:
            await answer(scope, receive, send)

    async def whole(self, scope: Scope, receive: Receive) -> tuple[int, list[Header], bytes]:
        """The same answer in one piece."""
        taken = Taken()
        found = self._find(scope)
        if found is None:
            await self.litestar(scope, receive, taken)
        else:
            answer = await self._answer(*found, MerxRequest(scope, receive, taken))
            if isinstance(answer, bytes):
                return found[0].handler.status_code, json_headers(answer), answer
            await answer(scope, receive, taken)
        return taken.status, taken.headers, taken.body

    async def _answer(self, plan: _Plan, arguments: dict[str, Any], request: MerxRequest) -> Any:
        """The body of an ordinary answer; of any other what sends it."""
        try:
            answer = await _asked(plan, request, arguments)
            if isinstance(answer, bytes):
                return answer
            return await plan.handler.to_response(app=self.litestar, data=answer, request=request)
        except Exception as wrong:
            return failure(self._dialect, request.scope, wrong).to_asgi_response(app=None, request=request)

    def _find(self, scope: Any) -> tuple[_Plan, dict[str, Any]] | None:
        for name, value in scope["headers"]:
            if name == b"host" and not _valid_host(value):
                return None
        try:
            _, handler, path, params, template = self.route(path=normalize_path(scope["path"]), method=scope["method"])
        except HTTPException:
            return None
        if handler in self._plans:
            plan = self._plans[handler]
        else:
            plan = self._plans[handler] = _Plan(handler) if _ordinary(handler) else None  # type: ignore[arg-type]
        if plan is None or (arguments := plan.arguments(params)) is None:
            return None
        scope["app"] = scope["litestar_app"] = self.litestar
        scope["path"], scope["path_params"], scope["path_template"] = path, params, template
        scope["route_handler"] = handler
        return plan, arguments


class Taken:
    """A `send` that keeps the answer instead of sending it."""

    __slots__ = ("_parts", "headers", "status")

    def __init__(self) -> None:
        self.status = 500
        self.headers: list[Header] = []
        self._parts: list[bytes] = []

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            self._parts.append(message.get("body", b""))

    @property
    def body(self) -> bytes:
        return b"".join(self._parts)


async def _asked(plan: _Plan, request: MerxRequest, arguments: dict[str, Any]) -> Any:
    """What the handler says: the bytes, or what Litestar makes an answer of."""
    for guard in plan.guards:
        if isawaitable(refused := guard(request, plan.handler)):
            await refused
    if plan.before is not None:
        await plan.before(request)
    if plan.takes_request:
        arguments["request"] = request
    if plan.takes_data and await request.body():
        arguments["data"] = await request.json()
    answer = await plan.fn(**arguments)
    done = answer is None or isinstance(answer, Response | bytes) or not plan.handler.media_type
    return answer if done else encode(answer)


def _ordinary(handler: Any) -> bool:
    """Whether nothing but what `_asked` does is asked for this handler."""
    if not isinstance(handler, HTTPRouteHandler) or handler.has_sync_callable or handler.cache:
        return False
    taken = handler.parsed_fn_signature.parameters
    data = taken.get("data")
    return (
        handler.resolve_request_class() is MerxRequest
        and handler.resolve_response_class() is MerxResponse
        and handler.media_type in ("application/json", "")
        and not handler.resolve_dependencies()
        and not handler.resolve_middleware()
        and not handler.exception_handlers
        and not handler.resolve_response_headers()
        and not handler.resolve_response_cookies()
        and handler.after_request is None
        and handler.resolve_after_response() is None
        and handler.resolve_return_dto() is None
        and handler.resolve_data_dto() is None
        and (data is None or data.kwarg_definition is None)
        and all(one.annotation in (str, int, UUID) for name, one in taken.items() if name not in ("request", "data"))
    )
