"""The dashboard as a face. An area is a module with ROUTES and a line in `areas.AREAS`."""

from __future__ import annotations

from merx.web import cookies
from merx.web.dashboard import (
    account,
    categories,
    credentials,
    customers,
    desk,
    discounts,
    home,
    orders,
    outbox,
    platform,
    product_editor,
    product_files,
    products,
    request_log,
    sending,
    session,
    settings,
    team,
    webhooks,
)
from merx.web.face import Face

UPLOAD = 12 << 20

FACE = Face(
    name="dashboard",
    prefix="/dashboard",
    cookie=cookies.STAFF,
    sign_in="/dashboard/sign-in",
    prepare=desk.prepare,
    max_body=UPLOAD,
    routes=[
        *session.ROUTES,
        *home.ROUTES,
        *orders.ROUTES,
        *products.ROUTES,
        *product_editor.ROUTES,
        *product_files.ROUTES,
        *customers.ROUTES,
        *discounts.ROUTES,
        *categories.ROUTES,
        *webhooks.ROUTES,
        *credentials.ROUTES,
        *request_log.ROUTES,
        *outbox.ROUTES,
        *team.ROUTES,
        *sending.ROUTES,
        *account.ROUTES,
        *settings.ROUTES,
        *platform.ROUTES,
    ],
)
