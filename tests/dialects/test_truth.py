"""What holds the answers of all dialects against their documents does look at them."""

from __future__ import annotations

import httpx
import pytest
from tests.dialects.truth import TRUTH


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/public/projects/a-shop/ecommerce/config",
        "/api/store/products/",
        "/api/platform/orders/ord_1/",
        "/commerce/v2/products/01a1fcc2-9115-7109-a5d0-59c6f5d95fd8",
        "/api/products",
        "/stripe-demo/create-checkout-session-json",
        "/reference/v1/products",
    ],
)
async def test_a_status_that_is_not_in_the_document_is_found(path: str) -> None:
    method = "POST" if path.startswith("/stripe-demo") else "GET"
    answer = httpx.Response(299, request=httpx.Request(method, f"http://localhost{path}"), json={})
    with pytest.raises(AssertionError, match="this status is not in the document"):
        await TRUTH(answer)
