"""Owns reading an uploaded file: the body itself, or one part of a form."""

from __future__ import annotations

import msgspec
from litestar.datastructures import UploadFile
from litestar.exceptions import HTTPException

from merx.edge.app import MerxRequest
from merx.edge.errors import HttpError
from merx.kernel.errors import Invalid


class Upload(msgspec.Struct, frozen=True):
    content: bytes
    fields: dict[str, str]  # what else the form held


async def uploaded(request: MerxRequest, name: str) -> Upload:
    """For routes declared with `uploads=True`: the body, or the file called `name` of a form."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        return Upload(await request.body(), {})
    try:
        parts = await request.form()
    except HTTPException as wrong:
        if wrong.status_code == 413:
            raise
        raise HttpError(400, "malformed_form", "The form can't be read.") from None
    except ValueError:
        raise HttpError(400, "malformed_form", "The form can't be read.") from None
    content: bytes | None = None
    fields: dict[str, str] = {}
    for key, value in parts.multi_items():
        if isinstance(value, UploadFile):
            if key != name or content is not None:
                raise Invalid(f"The form holds one file, called {name}.", field=name)
            content = await value.read()
        elif "\0" in str(value):
            raise Invalid("The character U+0000 is not allowed.", field=key)
        else:
            fields[key] = str(value)
    if content is None:
        raise Invalid(f"The form lacks the file {name}.", field=name)
    return Upload(content, fields)
