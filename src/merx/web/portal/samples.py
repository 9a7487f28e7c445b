"""A request as code in three languages. The words YOUR_… are filled in by the page where it knows better."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from merx.web.portal import highlight

LANGUAGES = (("curl", "curl"), ("python", "Python"), ("javascript", "JavaScript"))
API_KEY, SECRET_KEY, ACCESS, SHOPPER = "YOUR_API_KEY", "YOUR_SECRET_KEY", "YOUR_ACCESS_TOKEN", "YOUR_SHOPPER_TOKEN"
_KEY = re.compile(rf"\b{API_KEY}\b")


@dataclass(frozen=True, slots=True)
class Sample:
    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: Any = None
    query: tuple[tuple[str, str], ...] = field(default=())

    @property
    def address(self) -> str:
        return f"{self.url}?{urlencode(self.query)}" if self.query else self.url

    def codes(self) -> list[tuple[str, str, Markup]]:
        """(language, its name, the code as HTML) for each language."""
        made = {"curl": curl(self), "python": python(self), "javascript": javascript(self)}
        lexers = {"curl": "bash"}
        return [(name, label, _filled(made[name], lexers.get(name, name))) for name, label in LANGUAGES]


def curl(sample: Sample) -> str:
    method = "" if sample.method == "GET" else f" -X {sample.method}"
    lines = [f"curl{method} {_quoted(sample.address)}"]
    lines += [f"  -H {_quoted(f'{name}: {value}')}" for name, value in sample.headers]
    if sample.body is not None:
        lines.append('  -H "Content-Type: application/json"')
        written = _json(sample.body).replace("\n", "\n  ")
        lines.append(f"  -d {shlex.quote(written)}")
    return " \\\n".join(lines)


def python(sample: Sample) -> str:
    lines = ["import httpx", "", f"answer = httpx.{sample.method.lower()}(", f"    {sample.url!r},".replace("'", '"')]
    if sample.query:
        lines.append(f"    params={_python(dict(sample.query), 4)},")
    if sample.headers:
        lines.append(f"    headers={_python(dict(sample.headers), 4)},")
    if sample.body is not None:
        if sample.method == "DELETE":
            lines[2] = 'answer = httpx.request(\n    "DELETE",'
        lines.append(f"    json={_python(sample.body, 4)},")
    shown = "answer.json()" if sample.method != "DELETE" else "answer.status_code"
    return "\n".join([*lines, ")", "answer.raise_for_status()", f"print({shown})"])


def javascript(sample: Sample) -> str:
    headers = dict(sample.headers)
    parts = [f'  method: "{sample.method}",'] if sample.method != "GET" else []
    if sample.body is not None:
        headers["Content-Type"] = "application/json"
    if headers:
        parts.append(f"  headers: {_object(headers, 2)},")
    if sample.body is not None:
        parts.append(f"  body: JSON.stringify({_object(sample.body, 2)}),")
    options = ", {\n" + "\n".join(parts) + "\n}" if parts else ""
    shown = "await answer.json()" if sample.method != "DELETE" else "answer.status"
    return f"const answer = await fetch({json.dumps(sample.address)}{options});\nconsole.log({shown});"


def as_json(value: Any) -> Markup:
    return highlight.html(_json(value), "json")


@lru_cache(4096)
def _filled(code: str, language: str) -> Markup:
    """The reader's key, once the browser has one, takes the place of the words that stand for it."""
    text = str(highlight.html(code, language))
    return Markup(_KEY.sub(f'<b data-key="">{API_KEY}</b>', text))  # noqa: S704 (highlighted, so escaped)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _quoted(text: str) -> str:
    """In double quotes, which people expect; in single ones where the shell would read something into it."""
    return f'"{text}"' if not set(text) & set('"\\$`!') else shlex.quote(text)


def _python(value: Any, indent: int) -> str:
    text = _json(value) if len(_json(value)) > 60 else json.dumps(value, ensure_ascii=False)
    text = re.sub(r"(?<=[\s\[:])(true|false|null)(?=[,\s\]}]|$)", lambda found: _PYTHON[found[1]], text)
    return text.replace("\n", "\n" + " " * indent)


_PYTHON = {"true": "True", "false": "False", "null": "None"}


def _object(value: Mapping[str, Any] | Any, indent: int) -> str:
    text = _json(value) if len(_json(value)) > 60 else json.dumps(value, ensure_ascii=False)
    text = re.sub(r'^(\s*|\{)"([A-Za-z_][A-Za-z0-9_]*)":', r"\1\2:", text, flags=re.MULTILINE)
    return text.replace("\n", "\n" + " " * indent)
