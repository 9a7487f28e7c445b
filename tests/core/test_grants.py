"""What OAuth clients are given, asked of the core: who may say yes, what proves a code, what ends what."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from merx.core.auth import clients, grants, keys, reach, service, team
from merx.core.auth.model import (
    DELEGABLE,
    AuthorizationRequest,
    ClientProof,
    Given,
    GrantRefused,
    InvalidClient,
    InvalidToken,
    NewOauthClient,
    Role,
    UnknownTarget,
)
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Forbidden, Invalid, Refused
from merx.runtime import Runtime

Make = Callable[..., Awaitable[Any]]
BACK = "https://app.example.com/back"
VERIFIER = secrets.token_urlsafe(48)
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
SCOPES = ["orders:read", "orders:write", "users:read"]


async def client_of(rt: Runtime, ctx: Ctx, **how: Any) -> NewOauthClient:
    grant_types = ["authorization_code", "refresh_token"] + ([] if how.get("public") else ["client_credentials"])
    return await clients.create(
        rt, ctx, "Reports", **{"redirect_uris": [BACK], "grant_types": grant_types, "scopes": SCOPES, **how}
    )


def request(made: NewOauthClient, **changes: str) -> AuthorizationRequest:
    asked = AuthorizationRequest(str(made.client.id), BACK, "code", "orders:read", "xyz", CHALLENGE, "S256")
    return msgspec.structs.replace(asked, **changes)


def proof_of(made: NewOauthClient) -> ClientProof:
    return ClientProof(str(made.client.id), made.secret)


async def given(rt: Runtime, ctx: Ctx, made: NewOauthClient, scope: str = "orders:read") -> Given:
    code = await grants.approve(rt, ctx, request(made, scope=scope))
    return await grants.exchange_code(rt, proof_of(made), code, BACK, VERIFIER)


async def caller(rt: Runtime, token: str) -> Ctx:
    now = datetime.now(UTC)
    return (await service.authenticate(rt, token, now)).ctx(now=now, source="tests")


async def dead(rt: Runtime, token: str) -> bool:
    try:
        await service.authenticate(rt, token)
    except InvalidToken:
        return True
    return False


async def member_of(rt: Runtime, owner: Ctx, role: Role = Role.STAFF, **how: Any) -> tuple[Ctx, Any]:
    email, password = f"member-{os.urandom(6).hex()}@example.com", "a-password-for-tests"
    made = await team.add(rt, owner, email, role, password=password, **how)
    signed = await service.sign_in(rt, email, password, owner.tenant)
    return await caller(rt, signed.tokens.access), made


# ── The code grant ───────────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_member_lets_a_client_act_for_them_and_no_further(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    made = await client_of(rt, mine.owner)
    asked = await grants.begin_authorization(rt, mine.owner, request(made, scope="orders:read users:read"))
    assert (asked.client, asked.shop.id, asked.granted) == (
        made.client,
        mine.owner.tenant,
        ("orders:read", "users:read"),
    )
    found = await given(rt, mine.owner, made, "orders:read users:read")
    ctx = await caller(rt, found.access)
    assert (ctx.tenant, ctx.actor, ctx.actor_id) == (mine.owner.tenant, ActorKind.STAFF, mine.owner.actor_id)
    assert ctx.scopes == frozenset(found.scopes) == {"orders:read", "users:read"}
    assert ctx.client == made.client.id and ctx.principal != mine.owner.principal
    # What only people do themselves, whatever the scopes.
    everything = msgspec.structs.replace(ctx, scopes=frozenset({"*"}))
    for refused in (
        keys.create(rt, everything, "another"),
        clients.create(rt, everything, "another", [BACK]),
        service.me(rt, everything),
        service.change_password(rt, everything, "a-password-for-tests", "another-password-1"),
        grants.approve(rt, everything, request(made)),
    ):
        with pytest.raises(Forbidden):
            await refused


async def test_a_token_is_for_one_shop_even_where_its_member_is_in_two(rt: Runtime, shop: Make) -> None:
    mine, other = await shop(), await shop()
    await team.add(rt, other.owner, mine.email, Role.ADMIN)
    ctx = await caller(rt, (await given(rt, mine.owner, await client_of(rt, mine.owner))).access)
    assert [one.tenant for one in await reach.others(rt, mine.owner)] == [other.owner.tenant]
    assert await reach.others(rt, ctx) == []
    with pytest.raises(reach.WrongTenant):
        await reach.by_id(rt, ctx, other.owner.tenant)
    assert [one.id for one in (await service.visible_tenants(rt, ctx))[0]] == [ctx.tenant]


async def test_scopes_are_what_both_may(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    made = await client_of(rt, mine.owner, scopes=["orders:read", "logs:read", "payments:write"])
    clerk, _ = await member_of(rt, mine.owner)
    asked = await grants.begin_authorization(rt, clerk, request(made, scope=""))
    assert (asked.granted, asked.withheld) == (("orders:read",), ("logs:read", "payments:write"))
    assert (await given(rt, clerk, made, "orders:read logs:read")).scopes == ("orders:read",)
    with pytest.raises(GrantRefused, match="nothing") as refused:
        await grants.approve(rt, clerk, request(made, scope="logs:read"))
    assert refused.value.code == "access_denied"
    for beyond in (
        "customers:read",
        "orders:read customers:read",
        "*",
        "keys:write",
        "no:such",
        "orders:read  logs:read",
    ):
        with pytest.raises(GrantRefused) as refused:
            await grants.begin_authorization(rt, mine.owner, request(made, scope=beyond))
        assert refused.value.code == "invalid_scope"


async def test_a_members_role_narrows_and_widens_what_they_let_act(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    made = await client_of(rt, mine.owner, scopes=["orders:read", "logs:read"])
    admin, person = await member_of(rt, mine.owner, Role.ADMIN)
    found = await given(rt, admin, made, "orders:read logs:read")
    await team.change(rt, mine.owner, person.staff.id, role=Role.STAFF)
    assert (await caller(rt, found.access)).scopes == {"orders:read"}
    assert found.refresh is not None
    found = await grants.refresh(rt, proof_of(made), found.refresh)
    assert found.scopes == ("orders:read",)
    await team.change(rt, mine.owner, person.staff.id, role=Role.OWNER)
    assert (await caller(rt, found.access)).scopes == {"orders:read"}  # this token says so itself
    assert found.refresh is not None
    assert (await grants.refresh(rt, proof_of(made), found.refresh)).scopes == ("logs:read", "orders:read")
    await team.remove(rt, mine.owner, person.staff.id)
    assert await dead(rt, found.access)


async def test_nobody_else_may_say_yes(rt: Runtime, shop: Make) -> None:
    mine, other = await shop(), await shop()
    made = await client_of(rt, mine.owner)
    key = await caller(rt, (await keys.create(rt, mine.owner, "k", scopes=["*"])).secret)
    for stranger in (other.owner, key, msgspec.structs.replace(mine.owner, actor=ActorKind.CUSTOMER)):
        assert (await grants.begin_authorization(rt, stranger, request(made))).member is None
        with pytest.raises(Forbidden):
            await grants.approve(rt, stranger, request(made))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": ""}, "invalid_request"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": CHALLENGE + "="}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"state": "x" * 2001}, "invalid_request"),
    ],
)
async def test_a_request_that_is_not_in_order_is_told_to_the_client(
    rt: Runtime, shop: Make, changes: dict[str, str], code: str
) -> None:
    mine = await shop()
    made = await client_of(rt, mine.owner)
    for call in (grants.begin_authorization, grants.approve):
        with pytest.raises(GrantRefused) as refused:
            await call(rt, mine.owner, request(made, **changes))
        assert refused.value.code == code


@pytest.mark.parametrize(
    "uri",
    [
        "", "https://evil.example.com/back", BACK + "/", BACK + "?x=1", BACK + "#x", "https://app.example.com:443/back",
        "https://app.example.com/back/../other", "HTTPS://app.example.com/back", "http://app.example.com/back",
        "https://app.example.com\\@evil.example.com/back", "http://127.0.0.1:9999/cb", "http://localhost:9999/cb",
    ],
)  # fmt: skip
async def test_nobody_is_sent_to_an_address_that_is_not_the_clients(rt: Runtime, shop: Make, uri: str) -> None:
    mine = await shop()
    made = await client_of(rt, mine.owner, redirect_uris=[BACK, "http://127.0.0.1:7000/cb", "http://localhost:7000/cb"])
    for call in (grants.begin_authorization, grants.approve):
        with pytest.raises(UnknownTarget):
            await call(rt, mine.owner, request(made, redirect_uri=uri))


async def test_a_native_apps_loopback_port_is_free_and_nothing_else(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    uris = ["http://127.0.0.1/cb", "http://[::1]:4000/cb?a=b", "http://localhost:7000/cb"]
    made = await client_of(rt, mine.owner, public=True, redirect_uris=uris)
    for uri in (
        "http://127.0.0.1/cb",
        "http://127.0.0.1:51004/cb",
        "http://[::1]:1/cb?a=b",
        "http://localhost:7000/cb",
    ):
        await grants.begin_authorization(rt, mine.owner, request(made, redirect_uri=uri))
    for uri in (
        "http://127.0.0.1:51004/cb/x", "http://127.0.0.1:51004/", "https://127.0.0.1:51004/cb", "http://127.0.0.2:1/cb",
        "http://127.0.0.1:99999/cb", "http://127.0.0.1:1@evil.example.com/cb", "http://evil@127.0.0.1:1/cb",
        "http://[::1]:1/cb", "http://localhost:7001/cb", "http://127.0.0.1:1/cb#x", "http://127.0.0.1:٣/cb",
        "HTTP://127.0.0.1:1/cb", "http://127.0.0.1:/cb", "http://127.0.0.1.evil.example.com:1/cb",
    ):  # fmt: skip
        with pytest.raises(UnknownTarget):
            await grants.begin_authorization(rt, mine.owner, request(made, redirect_uri=uri))


async def test_an_unknown_client_is_not_answered(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    made = await client_of(rt, mine.owner)
    for ident in ("", "x", str(mine.owner.tenant), str(mine.owner.actor_id)):
        with pytest.raises(UnknownTarget):
            await grants.begin_authorization(rt, mine.owner, request(made, client_id=ident))
        with pytest.raises(InvalidClient):
            await grants.client_credentials(rt, ClientProof(ident, made.secret))
    await clients.remove(rt, mine.owner, made.client.id)
    with pytest.raises(UnknownTarget):
        await grants.begin_authorization(rt, mine.owner, request(made))


# ── Codes ────────────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_code_is_good_for_its_client_its_address_and_its_verifier_only(rt: Runtime, shop: Make) -> None:
    mine, other = await shop(), await shop()
    made, second, foreign = [await client_of(rt, one.owner) for one in (mine, mine, other)]
    code = await grants.approve(rt, mine.owner, request(made))
    for proof, uri, verifier in (
        (proof_of(second), BACK, VERIFIER),
        (proof_of(foreign), BACK, VERIFIER),
        (proof_of(made), "https://app.example.com/other", VERIFIER),
        (proof_of(made), BACK, secrets.token_urlsafe(48)),
        (proof_of(made), BACK, CHALLENGE),
        (proof_of(made), BACK, "short"),
    ):
        with pytest.raises(GrantRefused) as refused:
            await grants.exchange_code(rt, proof, code, uri, verifier)
        assert refused.value.code == "invalid_grant"
    for proof in (ClientProof(str(made.client.id)), ClientProof(str(made.client.id), "wrong")):
        with pytest.raises(InvalidClient):
            await grants.exchange_code(rt, proof, code, BACK, VERIFIER)
    # None of those tries has used it up.
    await grants.exchange_code(rt, proof_of(made), code, BACK, VERIFIER)


async def test_a_code_lives_a_minute(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    made = await client_of(rt, mine.owner)
    code = await grants.approve(rt, mine.owner, request(made))
    with pytest.raises(GrantRefused):
        await grants.exchange_code(rt, proof_of(made), code, BACK, VERIFIER, datetime.now(UTC) + timedelta(seconds=61))
    await grants.exchange_code(rt, proof_of(made), code, BACK, VERIFIER, datetime.now(UTC) + timedelta(seconds=55))


async def test_a_second_use_of_a_code_ends_what_the_first_gave(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    made = await client_of(rt, mine.owner)
    code = await grants.approve(rt, mine.owner, request(made))
    first = await grants.exchange_code(rt, proof_of(made), code, BACK, VERIFIER)
    assert not await dead(rt, first.access)
    with pytest.raises(GrantRefused) as refused:
        await grants.exchange_code(rt, proof_of(made), code, BACK, VERIFIER, datetime.now(UTC) + timedelta(hours=1))
    assert refused.value.code == "invalid_grant"
    assert await dead(rt, first.access)
    assert first.refresh is not None
    with pytest.raises(GrantRefused):
        await grants.refresh(rt, proof_of(made), first.refresh)


async def test_of_many_exchanges_at_once_one_wins(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    made = await client_of(rt, mine.owner)
    for _ in range(5):
        code = await grants.approve(rt, mine.owner, request(made))
        tries = [grants.exchange_code(rt, proof_of(made), code, BACK, VERIFIER) for _ in range(8)]
        ended = await asyncio.gather(*tries, return_exceptions=True)
        won = [one for one in ended if isinstance(one, Given)]
        assert len(won) == 1
        assert {getattr(one, "code", None) for one in ended if one is not won[0]} == {"invalid_grant"}
        assert await dead(rt, won[0].access)  # and those that came second have ended it


async def test_what_has_changed_since_the_consent_counts(rt: Runtime, shop: Make, owner: Any) -> None:
    mine = await shop()
    made = await client_of(rt, mine.owner, scopes=["orders:read", "logs:read"])
    clerk, person = await member_of(rt, mine.owner, Role.ADMIN)
    narrowed, gone, last = [await grants.approve(rt, clerk, request(made, scope="")) for _ in range(3)]
    await team.change(rt, mine.owner, person.staff.id, role=Role.STAFF)
    assert (await grants.exchange_code(rt, proof_of(made), narrowed, BACK, VERIFIER)).scopes == ("orders:read",)
    stored = await owner.fetch("select hash from oauth_codes where tenant_id = $1", mine.owner.tenant)
    assert len(stored) == 3 and all(last.encode() not in row[0] for row in stored)
    await team.remove(rt, mine.owner, person.staff.id)
    with pytest.raises(GrantRefused):
        await grants.exchange_code(rt, proof_of(made), gone, BACK, VERIFIER)


# ── Refreshing ───────────────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_refresh_token_works_once_and_its_reuse_ends_the_family(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    made = await client_of(rt, mine.owner)
    first = await given(rt, mine.owner, made)
    assert first.refresh is not None
    second = await grants.refresh(rt, proof_of(made), first.refresh)
    again = await grants.refresh(rt, proof_of(made), first.refresh)  # a lost answer, within ten seconds
    assert second.refresh == again.refresh != first.refresh
    assert second.refresh is not None
    third = await grants.refresh(rt, proof_of(made), second.refresh)
    with pytest.raises(GrantRefused) as refused:
        await grants.refresh(rt, proof_of(made), first.refresh)
    assert refused.value.code == "invalid_grant"
    assert third.refresh is not None
    for token in (first.access, second.access, third.access):
        assert await dead(rt, token)
    with pytest.raises(GrantRefused):
        await grants.refresh(rt, proof_of(made), third.refresh)


async def test_many_refreshes_at_once_give_one_successor(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    made = await client_of(rt, mine.owner)
    found = await given(rt, mine.owner, made)
    assert found.refresh is not None
    tries = [grants.refresh(rt, proof_of(made), found.refresh) for _ in range(10)]
    successors = {one.refresh for one in await asyncio.gather(*tries)}
    assert len(successors) == 1 and found.refresh not in successors


async def test_a_refresh_token_is_its_clients_alone(rt: Runtime, shop: Make) -> None:
    mine, other = await shop(), await shop()
    made, second, foreign = [await client_of(rt, one.owner) for one in (mine, mine, other)]
    found = await given(rt, mine.owner, made)
    assert found.refresh is not None
    for proof in (proof_of(second), proof_of(foreign)):
        with pytest.raises(GrantRefused):
            await grants.refresh(rt, proof, found.refresh)
    with pytest.raises(InvalidToken):
        await service.refresh(rt, found.refresh)  # the people's own endpoint
    with pytest.raises(GrantRefused):
        await grants.refresh(rt, proof_of(made), mine.signed_in.tokens.refresh)  # a person's token
    await service.refresh(rt, mine.signed_in.tokens.refresh)
    await grants.refresh(rt, proof_of(made), found.refresh)


async def test_refreshing_may_ask_for_less_and_never_for_more(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    made = await client_of(rt, mine.owner)
    found = await given(rt, mine.owner, made, "orders:read orders:write")
    assert found.refresh is not None
    with pytest.raises(GrantRefused) as refused:
        await grants.refresh(rt, proof_of(made), found.refresh, "orders:read users:read")
    assert refused.value.code == "invalid_scope"
    less = await grants.refresh(rt, proof_of(made), found.refresh, "orders:read")  # the refusal has not spent it
    assert (await caller(rt, less.access)).scopes == {"orders:read"}
    assert less.refresh is not None
    whole = await grants.refresh(rt, proof_of(made), less.refresh)
    assert (await caller(rt, whole.access)).scopes == {"orders:read", "orders:write"}


async def test_without_the_refresh_grant_there_is_no_refresh_token(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    made = await client_of(rt, mine.owner, grant_types=["authorization_code"])
    found = await given(rt, mine.owner, made)
    assert found.refresh is None and not await dead(rt, found.access)
    with pytest.raises(GrantRefused) as refused:
        await grants.client_credentials(rt, proof_of(made))
    assert refused.value.code == "unauthorized_client"


# ── Clients for themselves; public ones ──────────────────────────────────────────────────────────────────────────────
async def test_a_client_acts_for_itself_within_its_scopes(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    made = await client_of(rt, mine.owner)
    whole, part = [await grants.client_credentials(rt, proof_of(made), scope) for scope in ("", "users:read")]
    assert whole.refresh is None and whole.scopes == tuple(sorted(SCOPES))
    ctx = await caller(rt, part.access)
    assert (ctx.actor, ctx.actor_id, ctx.client) == (ActorKind.CLIENT, made.client.id, made.client.id)
    assert (ctx.tenant, ctx.scopes) == (mine.owner.tenant, {"users:read"})
    for beyond in ("customers:read", "*", "team:write"):
        with pytest.raises(GrantRefused):
            await grants.client_credentials(rt, proof_of(made), beyond)
    renewed = await clients.renew_secret(rt, mine.owner, made.client.id)
    with pytest.raises(InvalidClient):
        await grants.client_credentials(rt, proof_of(made))
    assert not await dead(rt, (await grants.client_credentials(rt, proof_of(renewed))).access)


async def test_a_public_client_has_pkce_and_no_secret(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    with pytest.raises(Invalid):
        await clients.create(rt, mine.owner, "x", grant_types=["client_credentials"], public=True)
    made = await client_of(rt, mine.owner, public=True)
    assert made.secret is None and (await clients.get(rt, mine.owner, made.client.id)).public
    with pytest.raises(Refused):
        await clients.renew_secret(rt, mine.owner, made.client.id)
    with pytest.raises(Invalid):
        await clients.change(rt, mine.owner, made.client.id, grant_types=["client_credentials"])
    found = await given(rt, mine.owner, made)
    with pytest.raises(InvalidClient):
        await grants.revoke(rt, ClientProof(str(made.client.id), "any"), found.access)
    with pytest.raises(InvalidClient):
        await grants.introspect(rt, proof_of(made), found.access)
    await grants.revoke(rt, proof_of(made), found.access)
    assert await dead(rt, found.access)


async def test_no_client_is_given_what_people_decide(rt: Runtime, shop: Make) -> None:
    mine = await shop()
    for scope in ("keys:write", "team:write"):
        with pytest.raises(Invalid):
            await clients.create(rt, mine.owner, "x", [BACK], scopes=["orders:read", scope])
    made = await clients.create(rt, mine.owner, "x", [BACK], scopes=["*"])
    assert set(made.client.scopes) == DELEGABLE


# ── Ending ───────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("which", ["access", "refresh"])
async def test_revoking_either_token_ends_the_grant(rt: Runtime, shop: Make, which: str) -> None:
    mine = await shop()
    made, second = await client_of(rt, mine.owner), await client_of(rt, mine.owner)
    found, other = await given(rt, mine.owner, made), await given(rt, mine.owner, made)
    for token in (getattr(found, which), "nonsense", "", mine.signed_in.tokens.access, mine.signed_in.tokens.refresh):
        await grants.revoke(rt, proof_of(second), token)  # none of these is its own
    assert not await dead(rt, found.access)
    await grants.revoke(rt, proof_of(made), getattr(found, which))
    assert await dead(rt, found.access)
    assert found.refresh is not None
    with pytest.raises(GrantRefused):
        await grants.refresh(rt, proof_of(made), found.refresh)
    assert not await dead(rt, other.access) and not await dead(rt, mine.signed_in.tokens.access)


@pytest.mark.parametrize("how", ["removed", "other scopes", "password"])
async def test_what_ends_a_grant(rt: Runtime, shop: Make, how: str) -> None:
    mine = await shop()
    made = await client_of(rt, mine.owner)
    found, own = await given(rt, mine.owner, made), await grants.client_credentials(rt, proof_of(made))
    match how:
        case "removed":
            await clients.remove(rt, mine.owner, made.client.id)
        case "other scopes":
            await clients.change(rt, mine.owner, made.client.id, scopes=["orders:read"])
        case _:
            await service.change_password(rt, mine.owner, "a-password-for-tests", "another-password-1")
    assert await dead(rt, found.access)
    assert await dead(rt, own.access) == (how in ("removed", "other scopes"))
    assert found.refresh is not None
    with pytest.raises((GrantRefused, InvalidClient)):
        await grants.refresh(rt, proof_of(made), found.refresh)


async def test_introspection_says_what_a_token_is_worth_now(rt: Runtime, shop: Make) -> None:
    mine, other = await shop(), await shop()
    made, server, foreign = [await client_of(rt, one.owner) for one in (mine, mine, other)]
    found = await given(rt, mine.owner, made)
    seen = await grants.introspect(rt, proof_of(server), found.access)
    assert seen is not None and (seen.client, seen.subject) == (made.client.id, mine.owner.actor_id)
    assert seen.scopes == ("orders:read",) and seen.expires_at - seen.issued_at == 3600 and not seen.refresh
    assert found.refresh is not None
    own = await grants.introspect(rt, proof_of(made), found.refresh)
    assert own is not None and own.refresh and own.client == made.client.id
    late = datetime.now(UTC) + timedelta(hours=2)
    for proof, token, now in (
        (proof_of(foreign), found.access, None),
        (proof_of(server), found.refresh, None),
        (proof_of(made), mine.signed_in.tokens.access, None),
        (proof_of(made), mine.signed_in.tokens.refresh, None),
        (proof_of(made), (await keys.create(rt, mine.owner, "k")).secret, None),
        (proof_of(made), found.access[:-2] + "xx", None),
        (proof_of(made), found.access, late),
        (proof_of(made), "", None),
    ):
        assert await grants.introspect(rt, proof, token, now) is None
    await grants.revoke(rt, proof_of(made), found.access)
    assert await grants.introspect(rt, proof_of(made), found.access) is None
    assert await grants.introspect(rt, proof_of(made), found.refresh) is None


async def test_the_sweep_takes_old_codes_and_grants(rt: Runtime, shop: Make, owner: Any) -> None:
    mine = await shop()
    made = await client_of(rt, mine.owner)
    await given(rt, mine.owner, made)
    await grants.client_credentials(rt, proof_of(made))
    count = "select (select count(*) from oauth_codes where tenant_id = $1), (select count(*) from oauth_grants where tenant_id = $1)"
    later = msgspec.structs.replace(mine.owner, now=mine.owner.now + timedelta(hours=2))
    await service.sweep(rt, later)
    assert tuple(await owner.fetchrow(count, later.tenant)) == (1, 1)  # the code is remembered for its second use
    later = msgspec.structs.replace(mine.owner, now=mine.owner.now + timedelta(days=31))
    await service.sweep(rt, later)
    assert tuple(await owner.fetchrow(count, later.tenant)) == (0, 0)
