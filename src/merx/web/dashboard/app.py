"""The dashboard as a face. An area is a module with ROUTES and a line in `areas.AREAS`."""

from __future__ import annotations

from merx.web import cookies
from merx.web.dashboard import desk, home, orders, product_editor, product_files, products, session
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
    ],
)
