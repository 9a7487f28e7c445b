"""What Stripe's API promises beyond its objects: keys, idempotency, errors, parameters; and its own door."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from tests.http_server import Listener, serve_app
from tests.simulator.shop import Shop

from merx.db.dsn import Dsn
from merx.simulator.http import Malformed, parse_form

CHARGE = {
    "amount": "1000",
    "currency": "usd",
    "payment_method": "pm_card_visa",
    "confirm": "true",
    "automatic_payment_methods[enabled]": "true",
    "automatic_payment_methods[allow_redirects]": "never",
}


async def test_a_repeated_key_replays_the_first_answer_even_a_decline(shop: Shop) -> None:
    for method, status in (("pm_card_visa", 200), ("pm_card_visa_chargeDeclined", 402)):
        asked = CHARGE | {"payment_method": method}
        first = await shop.api("POST", "/payment_intents", asked, idempotency_key=method)
        again = await shop.api("POST", "/payment_intents", asked, idempotency_key=method)
        assert (first.status_code, again.status_code) == (status, status)
        assert first.content == again.content
        assert "idempotent-replayed" not in first.headers
        assert again.headers["idempotent-replayed"] == "true"
    assert len((await shop.control())["charge"]) == 2


async def test_a_key_with_other_parameters_is_refused(shop: Shop) -> None:
    await shop.api("POST", "/payment_intents", CHARGE, idempotency_key="k")
    other = await shop.api("POST", "/payment_intents", CHARGE | {"amount": "1001"}, idempotency_key="k")
    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
    elsewhere = await shop.api("POST", "/refunds", {"payment_intent": "pi_1"}, idempotency_key="k")
    assert elsewhere.json()["error"]["type"] == "idempotency_error"


async def test_a_key_in_use_is_a_conflict_and_one_charge(shop: Shop, owner: Any) -> None:
    await shop.control(answer_delay_s=4)
    first = asyncio.create_task(shop.api("POST", "/payment_intents", CHARGE, idempotency_key="busy"))
    claimed = "select count(*) from simulator_idempotency where account = $1 and key = 'busy'"
    async with asyncio.timeout(15):
        while not await owner.fetchval(claimed, str(shop.tenant)):
            await asyncio.sleep(0.02)
    second = await shop.api("POST", "/payment_intents", CHARGE, idempotency_key="busy")
    assert (second.status_code, second.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    assert (await first).status_code == 200
    assert len((await shop.control())["charge"]) == 1


async def test_a_refused_request_leaves_its_key_free(shop: Shop) -> None:
    wrong = await shop.api("POST", "/payment_intents", CHARGE | {"amount": "0"}, idempotency_key="again")
    assert wrong.status_code == 400
    right = await shop.api("POST", "/payment_intents", CHARGE, idempotency_key="again")
    assert right.status_code == 200 and "idempotent-replayed" not in right.headers


async def test_a_key_left_behind_by_a_dead_process_is_taken_over(shop: Shop, owner: Any) -> None:
    await shop.api("POST", "/payment_intents", CHARGE | {"amount": "5"}, idempotency_key="orphan")
    await owner.execute(
        """update simulator_idempotency set status = null, answer = null, started_at = now() - interval '2 minutes'
           where account = $1 and key = 'orphan'""",
        str(shop.tenant),
    )
    again = await shop.api("POST", "/payment_intents", CHARGE | {"amount": "5"}, idempotency_key="orphan")
    assert again.status_code == 200


async def test_keys_by_bearer_and_basic(shop: Shop) -> None:
    basic = await shop.http.get(f"{shop.endpoint}/v1/payment_intents", auth=(shop.key, ""))
    assert (basic.status_code, basic.json()["object"]) == (200, "list")
    for said in ("", "Bearer sk_test_x", "Basic !!", shop.key):
        header = {"authorization": said} if said else {}
        refused = await shop.http.get(f"{shop.endpoint}/v1/payment_intents", headers=header)
        assert (refused.status_code, refused.json()["error"]["type"]) == (401, "invalid_request_error")
        assert (await shop.http.get(f"{shop.endpoint}/_control", headers=header)).status_code == 401


@pytest.mark.parametrize(
    ("path", "data", "param"),
    [
        ("/payment_intents", CHARGE | {"amount": "x"}, "amount"),
        ("/payment_intents", CHARGE | {"amount": "1.5"}, "amount"),
        ("/payment_intents", CHARGE | {"amount": "100000000"}, "amount"),
        ("/payment_intents", CHARGE | {"currency": "kwd", "amount": "1001"}, "amount"),
        ("/payment_intents", CHARGE | {"currency": "isk", "amount": "150"}, "amount"),
        ("/payment_intents", CHARGE | {"currency": "dollars"}, "currency"),
        ("/payment_intents", CHARGE | {"payment_method": "pm_x"}, "payment_method"),
        ("/payment_intents", CHARGE | {"payment_method_types[]": "card"}, "payment_method_types"),
        ("/payment_intents", CHARGE | {"colour": "red"}, "colour"),
        ("/payment_intents", CHARGE | {"metadata[a]": "x" * 501}, "metadata[a]"),
        ("/checkout/sessions", {"mode": "subscription"}, "mode"),
        ("/checkout/sessions", {"mode": "payment"}, "success_url"),
        ("/checkout/sessions", {"mode": "payment", "success_url": "javascript:alert(1)"}, "success_url"),
        ("/checkout/sessions", {"mode": "payment", "success_url": "http://x.test"}, "line_items"),
        (
            "/checkout/sessions",
            {"mode": "payment", "success_url": "http://x.test", "line_items[0][quantity]": "1"},
            "line_items[0]",
        ),
        ("/refunds", {"payment_intent": "pi_x"}, "payment_intent"),
    ],
)
async def test_wrong_parameters_are_named(shop: Shop, path: str, data: dict[str, str], param: str) -> None:
    answer = await shop.api("POST", path, data)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)


async def test_requests_that_are_none(shop: Shop) -> None:
    assert (await shop.api("POST", "/customers")).status_code == 404
    assert (await shop.api("GET", "/payment_intents/pi_nothing")).status_code == 404
    headers = {"authorization": f"Bearer {shop.key}"}
    address = f"{shop.endpoint}/v1/payment_intents"
    for content, kind in ((b"\xff", ""), (b"{}", "application/json"), (b"a=1&a[b]=2", ""), (b"a=%00", "")):
        named = {"content-type": kind or "application/x-www-form-urlencoded"}
        answer = await shop.http.post(address, content=content, headers=headers | named)
        assert answer.status_code == 400, content
    assert (await shop.http.post(address, content=b"a" * (2 << 20), headers=headers)).status_code == 413
    assert (await shop.http.post(f"{shop.endpoint}/_control", json={"sleep": 1}, headers=headers)).status_code == 400
    outside = {"callback_url": "http://example.com/"}
    assert (await shop.http.post(f"{shop.endpoint}/_control", json=outside, headers=headers)).status_code == 400


async def test_lists_page_and_filter(shop: Shop) -> None:
    made = [(await shop.api("POST", "/payment_intents", {"amount": "7", "currency": "usd"})).json() for _ in range(5)]
    first = (await shop.api("GET", "/payment_intents?limit=3")).json()
    assert [one["id"] for one in first["data"]] == [one["id"] for one in reversed(made[2:])]
    assert first["has_more"] is True
    rest = (await shop.api("GET", f"/payment_intents?limit=3&starting_after={first['data'][-1]['id']}")).json()
    assert [one["id"] for one in rest["data"]] == [made[1]["id"], made[0]["id"]]
    assert rest["has_more"] is False
    future = made[0]["created"] + 3600
    assert (await shop.api("GET", f"/payment_intents?created[gte]={future}")).json()["data"] == []


async def test_an_intent_of_an_open_page_is_closed_with_its_page_only(shop: Shop, receiver: Listener) -> None:
    opened = await shop.provider.charge(shop.account, shop.charge())
    assert opened.url and opened.reference
    await shop.press(opened.url, "decline")
    intent = (await shop.control())["payment_intent"][0]["id"]
    refused = await shop.api("POST", f"/payment_intents/{intent}/cancel")
    assert refused.json()["error"]["code"] == "payment_intent_unexpected_state"
    assert (await shop.api("POST", f"/checkout/sessions/{opened.reference}/expire")).json()["status"] == "expired"
    assert (await shop.api("GET", f"/payment_intents/{intent}")).json()["status"] == "canceled"
    kinds = [event["type"] for event in await shop.events(receiver)]
    assert kinds == ["payment_intent.payment_failed", "payment_intent.canceled", "checkout.session.expired"]


def test_nested_forms() -> None:
    assert parse_form("a[b][0][c]=1&a[b][1][c]=2&d=x%20y&e[]=1&e[]=2&f=") == {
        "a": {"b": [{"c": "1"}, {"c": "2"}]},
        "d": "x y",
        "e": ["1", "2"],
        "f": "",
    }
    for wrong in ("[a]=1", "a[b=1", "a]b=1", "a[b]c=1", "a" + "[x]" * 9 + "=1", "a=1&a[b]=2"):
        with pytest.raises(Malformed):
            parse_form(wrong)


async def test_another_process_knows_what_the_first_was_told(shop: Shop, simulator_dsn: Dsn) -> None:
    """State outlives a restart and is shared by several servers: a second one answers for the same account."""
    first = await shop.api("POST", "/payment_intents", CHARGE, idempotency_key="shared")
    app, env = "tests.simulator.simulator_app:build", {"TEST_DSN": msgspec.json.encode(simulator_dsn.app).decode()}
    with serve_app(app, env) as url:
        shop.endpoint = f"{url}/simulator/stripe"
        again = await shop.api("POST", "/payment_intents", CHARGE, idempotency_key="shared")
        assert again.content == first.content and again.headers["idempotent-replayed"] == "true"
        assert (await shop.api("GET", f"/payment_intents/{first.json()['id']}")).json()["status"] == "succeeded"
