"""Owns each dialect's OpenAPI 3.1 document, made once from its routes, and the page that shows it.

Schemas come from msgspec, which says about a struct exactly what it enforces. What the edge adds to every route (the
credentials, the statuses, the limit headers, the idempotency key) is added here to every operation.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, get_args, get_origin

import msgspec
from litestar import Litestar, Response
from litestar.handlers import HTTPRouteHandler

from merx.edge.app import Dialect
from merx.edge.static import Asset

_SAID = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "No content",
    302: "See other",
    304: "Not changed since the answer that had this ETag",
    400: "The request is wrong",
    401: "No credential, or one that is not valid",
    402: "The payment was refused",
    403: "The credential does not allow this",
    404: "Not found",
    405: "The address does not take this method; Allow says which it takes",
    409: "In conflict with the present state",
    412: "It is not the version that If-Match names",
    413: "The body is larger than 1 MiB",
    414: "The address is longer than 8 KiB",
    415: "The body's type is not supported",
    422: "The request is well formed but can't be carried out",
    429: "Too many requests; Retry-After says when to try again",
    500: "A fault of the server",
    502: "Somebody else's server gave no answer; Retry-After says when to try again",
    503: "Busy; Retry-After says when to try again",
}
_RATE_HEADERS = {
    "X-RateLimit-Limit": "Requests the window allows",
    "X-RateLimit-Remaining": "Requests left in it",
    "X-RateLimit-Reset": "When it ends, in seconds since 1970",
}


class Document:
    """Built when it is first asked for, so that it costs a start nothing."""

    def __init__(self, dialect: Dialect, app: Litestar) -> None:
        self._dialect = dialect
        self._app = app

    @cached_property
    def content(self) -> dict[str, Any]:
        dialect = self._dialect
        found = list(_operations(self._app, "/" if dialect.trailing_slash else ""))
        schemas, components = _schemas(dialect, [handler for _, handler in found])
        paths: dict[str, dict[str, Any]] = {}
        for path, handler in found:
            shown = path.removeprefix(dialect.server)
            for method in sorted(handler.http_methods):
                told = _operation(dialect, shown, method, handler, schemas, kept=_from_memory(dialect, method, path))
                paths.setdefault(shown, {})[method.lower()] = told
        security: list[dict[str, list[str]]] = [{name: []} for name in dialect.security]
        return {
            "openapi": "3.1.0",
            "info": {"title": dialect.title, "version": dialect.version, "description": dialect.description},
            "servers": [_server(dialect)],
            "security": security,
            "tags": _tags(dialect, [handler for _, handler in found]),
            "paths": dict(sorted(paths.items())),
            "components": {"schemas": components, "securitySchemes": dict(dialect.security)},
        }

    @cached_property
    def encoded(self) -> bytes:
        return msgspec.json.encode(self.content)

    def json(self) -> Asset:
        return Asset(self.encoded, "application/json", "no-cache")


def _server(dialect: Dialect) -> dict[str, Any]:
    names = {"variables": dict(dialect.server_names)} if dialect.server_names else {}
    return {"url": dialect.server or "/", **names}


def _operations(app: Litestar, ending: str) -> Iterable[tuple[str, HTTPRouteHandler]]:
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if isinstance(handler, HTTPRouteHandler) and handler.resolve_include_in_schema():
                path = "".join(
                    "/{" + part.name + "}" if not isinstance(part, str) else f"/{part}"
                    for part in route.path_components
                )
                yield path + ending, handler


def _tags(dialect: Dialect, handlers: Iterable[HTTPRouteHandler]) -> list[dict[str, str]]:
    found = dict.fromkeys(dialect.tags)
    for handler in handlers:
        found.update(dict.fromkeys(sorted(handler.tags or ())))
    said = dialect.tags
    return [{"name": tag, "description": said[tag]} if tag in said else {"name": tag} for tag in found]


def _returns(handler: HTTPRouteHandler) -> Any:
    annotation = handler.parsed_fn_signature.return_type.annotation
    origin = get_origin(annotation) or annotation
    if inspect.isclass(origin) and issubclass(origin, Response):
        annotation = next(iter(get_args(annotation)), None)
    return None if annotation in (None, type(None), Any, bytes, str, inspect.Signature.empty) else annotation


def _schemas(dialect: Dialect, handlers: list[HTTPRouteHandler]) -> tuple[Mapping[Any, Any], dict[str, Any]]:
    """Every type's schema, and the components they share."""
    types: list[Any] = [dialect.error_type]
    for handler in handlers:
        data = handler.parsed_fn_signature.parameters.get("data")
        answers, fails = handler.opt.get("answers") or _returns(handler), handler.opt.get("fails")
        wanted = (data.annotation if data else None, answers, fails)
        types += [one for one in wanted if one is not None and one not in types]
    asks = [handler.opt["asks"] for handler in handlers if handler.opt.get("asks")]
    types += [one for one in dict.fromkeys(asks) if one not in types]
    schemas, components = msgspec.json.schema_components(
        types, schema_hook=_other, ref_template="#/components/schemas/{name}"
    )
    found = dict(zip(types, schemas, strict=True))
    for ask in asks:
        found[ask] = _resolved(components, found[ask])
    return found, {
        name: _as_sent(schema) for name, schema in components.items() if name not in {a.__name__ for a in asks}
    }


def _other(kind: type) -> dict[str, Any]:
    raise NotImplementedError(f"{kind} has no JSON Schema")


def _as_sent(schema: Any) -> Any:
    """Decimals leave as JSON numbers and are read as numbers or plain decimal text. `x-order` is how a dialect says in
    which order an enum's values are listed, which msgspec sorts."""
    if isinstance(schema, dict):
        if schema.get("type") == "string" and schema.get("format") == "decimal":
            return {**{k: v for k, v in schema.items() if k not in ("type", "format")}, "type": "number"}
        found = {key: _as_sent(inner) for key, inner in schema.items()}
        if isinstance(told := found.get("description"), str):
            found["description"] = " ".join(told.split())
        if "x-order" in found:
            found["enum"] = found.pop("x-order")
        values = found.get("enum")
        if isinstance(values, list) and "type" not in found and all(isinstance(value, str) for value in values):
            found["type"] = "string"  # msgspec leaves it to be inferred, which the page does not
        return found
    if isinstance(schema, list):
        return [_as_sent(inner) for inner in schema]
    return schema


def _resolved(components: Mapping[str, Any], schema: Any) -> Any:
    """Parameters stand by themselves: what they refer to is written into them."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            rest = {key: inner for key, inner in schema.items() if key != "$ref"}
            return {**_resolved(components, components[schema["$ref"].rpartition("/")[2]]), **rest}
        return {key: _resolved(components, inner) for key, inner in schema.items()}
    if isinstance(schema, list):
        return [_resolved(components, inner) for inner in schema]
    return schema


def _from_memory(dialect: Dialect, method: str, path: str) -> bool:
    """Whether the edge answers it from memory, with an ETag."""
    full = path.rstrip("/") + "/"  # an address means the same with and without it
    reads = dialect.catalogue(full) if dialect.catalogue is not None else full.startswith(dialect.cached)
    return method == "GET" and reads


def _operation(
    dialect: Dialect, path: str, method: str, handler: HTTPRouteHandler, schemas: Mapping[Any, Any], *, kept: bool
) -> dict[str, Any]:
    data = handler.parsed_fn_signature.parameters.get("data")
    told = inspect.cleandoc(handler.description or handler.fn.__doc__ or "")
    summary, _, more = told.partition("\n\n")
    found: dict[str, Any] = {
        "operationId": handler.operation_id or f"{method.lower()}_{handler.handler_name}",
        "summary": str(handler.summary or " ".join(summary.split())),
        "tags": sorted(handler.tags or ()),
        "parameters": _parameters(path, method, handler, schemas),
        "responses": _responses(dialect, method, handler, schemas, kept),
    }
    if more:
        found["description"] = more
    if handler.opt.get("public"):
        found["security"] = []
    elif handler.opt.get("at_host"):  # where the host names the shop, nothing else is needed
        found["security"] = [{}, *({scheme: []} for scheme in dialect.security)]
    elif schemes := handler.opt.get("schemes"):
        found["security"] = [{scheme: []} for scheme in schemes]
    if data is not None:
        required = {"required": list(handler.opt["requires"])} if "requires" in handler.opt else {}
        body = {"application/json": {"schema": {**schemas[data.annotation], **required}}}
        found["requestBody"] = {"required": not (data.has_default or data.is_optional), "content": body}
        if fields := handler.opt.get("uploads"):
            form = {"type": "object", "properties": fields, "required": ["image"]}
            found["requestBody"] = {"required": True, "content": {**body, "multipart/form-data": {"schema": form}}}
    elif media := handler.opt.get("media"):
        found["requestBody"] = {"required": True, "content": {media: {"schema": {"type": "object"}}}}
    return found


def _parameters(path: str, method: str, handler: HTTPRouteHandler, schemas: Mapping[Any, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for part in path.split("/"):
        if part.startswith("{"):
            schema = dict(handler.opt.get("names", {}).get(part[1:-1], {"type": "string"}))
            told = {"description": schema.pop("description")} if "description" in schema else {}
            found.append({"name": part[1:-1], "in": "path", "required": True, **told, "schema": schema})
    if asks := handler.opt.get("asks"):
        schema = _as_sent(schemas[asks])
        for name, one in schema.get("properties", {}).items():
            parameter = {"name": name, "in": "query", "required": name in schema.get("required", ())}
            if said := one.get("description"):
                parameter["description"] = said
            found.append({**parameter, "schema": _without_null(one)})
    for name, about in handler.opt.get("takes", {}).items():
        found.append({"name": name, "in": "header", "description": about, "schema": {"type": "string"}})
    if method in ("POST", "PATCH"):
        about = "Send a new one with each thing to be done; the same again gives the first answer again."
        schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
        found.append({"name": "Idempotency-Key", "in": "header", "description": about, "schema": schema})
    return found


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query parameter is absent, never null."""
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    rest = {key: inner for key, inner in schema.items() if key not in ("anyOf", "description")}
    if rest.get("default", 0) is None:
        del rest["default"]
    return {**rest, **kinds[0]} if len(kinds) == 1 else {**rest, **({"anyOf": kinds} if kinds else {})}


def _responses(
    dialect: Dialect, method: str, handler: HTTPRouteHandler, schemas: Mapping[Any, Any], kept: bool
) -> dict[str, Any]:
    rate = {name: {"description": said, "schema": {"type": "integer"}} for name, said in _RATE_HEADERS.items()}
    answers = handler.opt.get("answers") or _returns(handler)
    gives = {**({"ETag": "Changes with the answer; for If-None-Match"} if kept else {}), **handler.opt.get("gives", {})}
    given = {name: {"description": said, "schema": {"type": "string"}} for name, said in gives.items()}
    good: dict[str, Any] = {"description": _SAID.get(handler.status_code, "OK"), "headers": {**rate, **given}}
    if answers is not None and handler.status_code != 204:
        good["content"] = {handler.opt.get("answers_media", "application/json"): {"schema": schemas[answers]}}
    found = {str(handler.status_code): good}
    if method == "GET" and "ETag" in given:
        found["304"] = {"description": _SAID[304], "headers": {**rate, "ETag": given["ETag"]}}
    for status in sorted(handler.opt.get("refuses") or _usual(dialect, handler)):
        headers = dict(rate)
        if status in (429, 502, 503):
            headers["Retry-After"] = {"description": "Seconds to wait", "schema": {"type": "integer"}}
        if status == 405:
            headers["Allow"] = {"description": "The methods it takes", "schema": {"type": "string"}}
        content = {dialect.error_media: {"schema": schemas[handler.opt.get("fails", dialect.error_type)]}}
        found[str(status)] = {"description": _SAID.get(status, "Refused"), "headers": headers, "content": content}
    return found


def _usual(dialect: Dialect, handler: HTTPRouteHandler) -> set[int]:
    """The statuses of errors that the edge itself may give this operation."""
    statuses = {400, 404, 405, 414, 429, 500, 503, *handler.opt.get("errors", ())}
    if not handler.opt.get("public"):
        statuses |= {401, 403}
    if handler.opt.get("asks"):
        statuses.add(dialect.invalid_status)
    if not handler.http_methods.isdisjoint({"POST", "PATCH"}):
        statuses.add(409)  # a request with its idempotency key is still at work
    if handler.parsed_fn_signature.parameters.get("data") is not None:
        statuses |= {409, 413, 415, dialect.invalid_status}
    return statuses


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%(title)s</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/docs.css">
<script type="module" src="/assets/vendor/rapidoc-9.3.8/rapidoc-min.js"></script>
</head>
<body>
<rapi-doc spec-url="%(spec)s" render-style="read" show-header="false" load-fonts="false" theme="light"
  primary-color="#1f5eff" regular-font="system-ui, sans-serif" mono-font="ui-monospace, monospace"
  allow-spec-url-load="false" allow-spec-file-load="false" schema-style="table" show-method-in-nav-bar="as-colored-text"
  nav-bg-color="#f4f6fa" nav-text-color="#333a45" allow-advanced-search="false"
  persist-auth="false" sort-endpoints-by="path"></rapi-doc>
<noscript><p>The document itself is at <a href="%(spec)s">%(spec)s</a>.</p></noscript>
</body>
</html>
"""

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The renderer writes its styles into the page, hence 'unsafe-inline' for styles; scripts are our own files only."""


def page(dialect: Dialect) -> Asset:
    from html import escape

    filled = _PAGE % {"title": escape(dialect.title), "spec": escape(f"{dialect.docs}/openapi.json")}
    return Asset(filled.encode(), "text/html; charset=utf-8", "no-cache", PAGE_POLICY)
