"""Forms as they come back from a browser, and what was wrong with them.

    form = await Form.read(request)
    try:
        made = await catalog.create_product(request.rt, request.ctx, draft(form))
    except MerxError as wrong:
        return render(request, "products/new.html", form=form.refused(wrong))
    return redirect(request, f"/dashboard/products/{made.id}", said="The product has been created.")

The macros in `templates/shared/forms.html` take the same `form`: they show what was typed, and each fault beside its
field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from litestar.datastructures import UploadFile
from litestar.exceptions import HTTPException

from merx.edge.app import MerxRequest
from merx.edge.errors import HttpError
from merx.kernel.errors import Kind, MerxError

MAX_FIELDS = 5000
_OUR_AFFAIR = (Kind.UNAUTHENTICATED, Kind.FORBIDDEN, Kind.NOT_FOUND, Kind.INTERNAL)
STATUSES = {Kind.CONFLICT: 409, Kind.LIMITED: 429, Kind.BUSY: 503, Kind.UPSTREAM: 502}


class Form:
    """Values by name, as they were sent or as they begin; and the faults found in them."""

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values: dict[str, list[str]] = {}
        self.files: dict[str, list[UploadFile]] = {}
        for name, value in (values or {}).items():
            many = value if isinstance(value, list | tuple) else [value]
            self._values[name] = ["" if one is None else str(one) for one in many]
        self.faults: dict[str, list[str]] = {}
        self.summary: list[str] = []  # what belongs to no field
        self.status = 200

    @classmethod
    async def read(cls, request: MerxRequest) -> Form:
        """The body of this request; a broken one is HttpError 400."""
        kept: Form | None = request.scope.get("merx.form")  # type: ignore[assignment]
        if kept is not None:
            return kept
        form = cls()
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media == "multipart/form-data":
            await form._read_multipart(request)
        elif media == "application/x-www-form-urlencoded":
            form._read_plain(await request.body())
        request.scope["merx.form"] = form  # type: ignore[typeddict-unknown-key]
        return form

    async def _read_multipart(self, request: MerxRequest) -> None:
        try:
            parts = await request.form()
        except HTTPException as wrong:
            if wrong.status_code == 413:
                raise
            raise HttpError(400, "malformed_form", "The form can't be read.") from None
        except ValueError:
            raise HttpError(400, "malformed_form", "The form can't be read.") from None
        for name, value in parts.multi_items():
            if isinstance(value, UploadFile):
                if value.filename:
                    self.files.setdefault(name, []).append(value)
            else:
                self._add(name, str(value))

    def _read_plain(self, raw: bytes) -> None:
        try:
            pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
        except ValueError:
            raise HttpError(400, "malformed_form", "The form can't be read.") from None
        for name, value in pairs:
            self._add(name, value)

    def add(self, name: str, value: str) -> None:
        self._values.setdefault(name, []).append(value)

    def _add(self, name: str, value: str) -> None:
        if "\0" in value or "\0" in name:
            raise HttpError(400, "malformed_form", "The character U+0000 is not allowed in a form.")
        self._values.setdefault(name, []).append(value.replace("\r\n", "\n"))

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def value(self, name: str, default: str = "") -> str:
        """As it was typed."""
        found = self._values.get(name)
        return found[-1] if found else default

    def text(self, name: str) -> str:
        return self.value(name).strip()

    def optional(self, name: str) -> str | None:
        """None where nothing was typed."""
        return self.text(name) or None

    def all(self, name: str) -> list[str]:
        return [value.strip() for value in self._values.get(name, ()) if value.strip()]

    def flag(self, name: str) -> bool:
        return self.value(name) in ("on", "1", "true", "yes")

    def has(self, name: str) -> bool:
        return name in self._values

    def number(self, name: str) -> int | None:
        """A whole number; what is none becomes a fault of the field, and None."""
        text = self.text(name)
        if not text:
            return None
        if not (text.removeprefix("-").isascii() and text.removeprefix("-").isdigit()) or len(text) > 12:
            self.fault(name, "Enter a whole number.")
            return None
        return int(text)

    def numbers(self, name: str) -> list[int]:
        """Those of its values that are plain numbers; what is none is passed over."""
        return [int(one) for one in self.all(name) if one.isascii() and one.isdigit() and len(one) < 10]

    def moment(self, name: str) -> datetime | None:
        """What an `<input type="datetime-local">` holds, taken as UTC."""
        text = self.text(name)
        if not text:
            return None
        try:
            found = datetime.fromisoformat(text)
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        except (ValueError, OverflowError):  # a moment so early or late that it is past the calendar in UTC
            self.fault(name, "Enter a date and a time.")
            return None

    def names(self) -> list[str]:
        return list(self._values)

    def set(self, name: str, value: object) -> None:
        self._values[name] = ["" if value is None else str(value)]

    # ── Faults ───────────────────────────────────────────────────────────────────────────────────────────────────────
    @property
    def ok(self) -> bool:
        return not self.faults and not self.summary

    def fault(self, name: str, said: str) -> None:
        self.faults.setdefault(name, []).append(said)
        self.status = 422

    def refused(self, wrong: MerxError, names: Mapping[str, str] | None = None) -> Form:
        """The form with what a service said against it. `names` maps the core's field names to the form's where they
        differ. What is no fault of the form (not allowed, not found) is raised again."""
        if wrong.kind in _OUR_AFFAIR:
            raise wrong
        self.status = STATUSES.get(wrong.kind, 422)
        unplaced: list[str] = []
        for field, said in wrong.fields.items():
            name = (names or {}).get(field, field)
            if name in self._values or name in (names or {}).values():
                self.faults.setdefault(name, []).extend(said)
            else:
                unplaced.extend(said)
        if not wrong.fields:
            unplaced = [wrong.message]
        self.summary.extend(one for one in unplaced if one not in self.summary)
        return self

    def said_of(self, name: str) -> Sequence[str]:
        return self.faults.get(name, ())
