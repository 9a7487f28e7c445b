"""A form that moves money is done once: it carries a name of its own (`{{ once() }}`), and sent twice, by a double
click or a reload, the second finds the first one's work done. The same memory as the APIs' Idempotency-Key."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from hashlib import sha256

from merx.core.idempotency import service
from merx.core.idempotency.model import AnswerLost, Claim, Remembered
from merx.web.forms import Form
from merx.web.pages import PageRequest

_NAME = re.compile(r"[0-9A-Za-z_-]{16,64}", re.ASCII)


@contextlib.asynccontextmanager
async def once(request: PageRequest, form: Form) -> AsyncIterator[bool]:
    """Whether the block is to do the work. Where it fails, the same form may try again. A form without a name is taken
    as it comes."""
    name = form.value("once")
    if not _NAME.fullmatch(name):
        yield True
        return
    rt, ctx = request.rt, request.ctx
    meant = sha256(request.scope["path"].encode()).digest()
    try:
        claim = await service.begin(rt, ctx, f"{request.visit.dialect}/{ctx.principal}", name, meant)
    except AnswerLost:
        claim = None
    if not isinstance(claim, Claim):
        yield False
        return
    request.visit.ctx = service.under(ctx, claim)
    try:
        yield True
    except BaseException:
        await service.release(rt, ctx, claim)
        raise
    finally:
        request.visit.ctx = ctx
    await service.finish(rt, ctx, claim, Remembered(204, {}, b""))
