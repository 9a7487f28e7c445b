"""Keys, tokens and passwords, without a database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from merx.core.auth import passwords, rules
from merx.core.auth.model import (
    EVERYTHING,
    ROLE_SCOPES,
    SCOPES,
    STOREFRONT_SCOPES,
    InvalidKey,
    InvalidToken,
    KeyType,
    Role,
    member_scopes,
)
from merx.kernel import ids
from merx.kernel.context import ActorKind, Ctx
from merx.kernel.errors import Busy, Forbidden, Invalid
from merx.kernel.ids import SessionId, TenantId

KEY, ISSUER = b"k" * 32, "http://localhost:8000"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
TENANT, SESSION, PERSON = TenantId(ids.new()), SessionId(ids.new()), ids.new()


def person(*scopes: str) -> Ctx:
    return Ctx(TENANT, ActorKind.STAFF, PERSON, scopes=frozenset(scopes))


@pytest.mark.parametrize(
    "password",
    ["short", "password", "Password1!", "12345678", "87654321", "qwertyuiop", "aaaaaaaa", "letmein123", "admin2024!",
     "passwordpassword", "x" * 129, "ä" * 129, "owner@mystore.com", "my store 24"],
)  # fmt: skip
def test_a_password_everybody_tries_is_refused(password: str) -> None:
    assert rules.password_faults(password, "My Store 24", "owner@mystore.com")


@pytest.mark.parametrize(
    "password", ["securepassword123", "correct horse battery", "x7!kQ2.p", "пароль-и-слово", "😀🎉🌍🚀🍕🎸🐍🌵"]
)
def test_a_good_password_is_taken(password: str) -> None:
    assert rules.password_faults(password, "My Store 24", "owner@mystore.com") == []


def test_a_short_password_says_what_the_document_says() -> None:
    assert rules.password_faults("short") == ["Password must be at least 8 characters."]


def test_a_key_carries_its_own_checksum() -> None:
    for type_, prefix in ((KeyType.SECRET, "sk_live_"), (KeyType.PUBLISHABLE, "pk_live_")):
        key = rules.make_key(type_)
        assert key.startswith(prefix)
        assert len(key) == 46
        assert rules.check_key(key) == key
        for at in range(len(prefix), len(key)):
            other = "a" if key[at] != "a" else "b"
            with pytest.raises(InvalidKey):
                rules.check_key(key[:at] + other + key[at + 1 :])


@pytest.mark.parametrize("text", ["", "sk_live_", "sk_live_abc123xyz789", "sk_live_" + "ä" * 38, "x" * 46, "\n" * 46])
def test_garbage_is_no_key(text: str) -> None:
    with pytest.raises(InvalidKey):
        rules.check_key(text)


def test_a_bare_key_gets_storefront_scopes() -> None:
    assert set(rules.key_scopes(person("*"), KeyType.SECRET, None)) == STOREFRONT_SCOPES


def test_a_key_never_does_more_than_its_maker() -> None:
    assert rules.key_scopes(person("*"), KeyType.SECRET, ["*"]) == ("*",)
    admin = person(*ROLE_SCOPES[Role.ADMIN])
    assert set(rules.key_scopes(admin, KeyType.SECRET, ["*"])) == ROLE_SCOPES[Role.ADMIN]
    with pytest.raises(Forbidden):
        rules.key_scopes(admin, KeyType.SECRET, ["products:read", "team:write"])
    with pytest.raises(Invalid):
        rules.key_scopes(admin, KeyType.SECRET, ["products:everything"])
    with pytest.raises(Invalid):
        rules.key_scopes(admin, KeyType.PUBLISHABLE, ["products:write"])
    with pytest.raises(Invalid):
        rules.key_scopes(admin, KeyType.SECRET, [])


def test_roles_know_the_vocabulary() -> None:
    for role, scopes in ROLE_SCOPES.items():
        assert scopes <= SCOPES | EVERYTHING, role
    assert "team:write" not in ROLE_SCOPES[Role.ADMIN]
    assert member_scopes(Role.OWNER, ("orders:read",)) == EVERYTHING
    assert member_scopes(Role.STAFF, ("orders:read",)) == {"orders:read"}


def test_an_access_token_is_read_back() -> None:
    token = rules.make_access(KEY, ISSUER, TENANT, PERSON, SESSION, NOW)
    claims = rules.read_access(KEY, ISSUER, token, NOW)
    assert (claims.tenant, claims.subject, claims.session) == (TENANT, PERSON, SESSION)
    assert claims.expires_at == int((NOW + timedelta(hours=1)).timestamp())


def test_a_token_runs_out_although_its_signature_is_remembered() -> None:
    token = rules.make_access(KEY, ISSUER, TENANT, PERSON, SESSION, NOW)
    rules.read_access(KEY, ISSUER, token, NOW + timedelta(minutes=59))
    with pytest.raises(InvalidToken):
        rules.read_access(KEY, ISSUER, token, NOW + timedelta(hours=1, seconds=31))


def forged(**changes: object) -> str:
    header = {"alg": "HS256", "typ": changes.pop("typ", "at+jwt")}
    key = changes.pop("key", KEY)
    claims = {
        "iss": ISSUER, "aud": "merx", "sub": str(PERSON), "tid": str(TENANT), "sid": str(SESSION), "jti": "x",
        "iat": 1, "exp": int(NOW.timestamp()) + 60, **changes,
    }  # fmt: skip
    return jwt.encode(header, {k: v for k, v in claims.items() if v is not None}, OctKey.import_key(key))  # type: ignore[arg-type]


def test_the_forgery_of_the_other_tests_would_be_taken_without_its_fault() -> None:
    rules.read_access(KEY, ISSUER, forged(), NOW)


@pytest.mark.parametrize(
    "changes",
    [{"key": b"x" * 32}, {"typ": "JWT"}, {"iss": "http://elsewhere"}, {"aud": "other"}, {"aud": ["merx"]}, {"exp": None},
     {"sid": None}, {"tid": None}, {"exp": "never"}, {"exp": True}, {"exp": 1.5e300}, {"sub": 7}, {"sid": "not-a-uuid"},
     {"tid": {"a": 1}}, {"jti": None}],
)  # fmt: skip
def test_a_token_with_anything_wrong_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidToken):
        rules.read_access(KEY, ISSUER, forged(**changes), NOW)


def test_our_own_spelling_is_read_without_the_library_and_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    token = rules.make_access(KEY, ISSUER, TENANT, PERSON, SESSION, NOW, PERSON, ["orders:read"])
    assert rules._own_claims(KEY, token) == jwt.decode(token, OctKey.import_key(KEY), algorithms=["HS256"]).claims
    head, body, signature = token.split(".")
    other = "A" if signature[0] != "A" else "B"
    for wrong in (
        f"{head}.{body}.{other}{signature[1:]}", f"{head}.{body}.{signature}=", f"{head}.{body}.", f"{head}.{body}.ä",
        f"{head}.{body}A.{signature}", f"{head}A.{body}.{signature}", body, "", "..",
    ):  # fmt: skip
        assert rules._own_claims(KEY, wrong) is None
    assert rules._own_claims(b"x" * 32, token) is None
    monkeypatch.setattr(rules.jwt, "decode", None)
    assert rules.read_access(KEY, ISSUER, token, NOW).session == SESSION


def test_no_other_algorithm_is_accepted() -> None:
    head, body, _ = forged().split(".")
    unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0"
    for token in (f"{unsigned}.{body}.", f"{head}.{body}.", f"{head}.{body}", "a.b.c", "ä.ö.ü", ".", "", "é" * 5000):
        with pytest.raises(InvalidToken):
            rules.read_access(KEY, ISSUER, token, NOW)


def test_a_refresh_token_names_its_tenant_and_its_only_successor() -> None:
    token = rules.first_refresh(TENANT)
    assert rules.refresh_tenant(token) == TENANT
    following = rules.next_refresh(KEY, TENANT, token)
    assert following == rules.next_refresh(KEY, TENANT, token) != rules.next_refresh(b"y" * 32, TENANT, token)
    assert rules.refresh_tenant(following) == TENANT


@pytest.mark.parametrize(
    "text", ["", "mrt_", "mrt_" + "!" * 64, "mrt_" + "ä" * 64, "xyz_" + "A" * 64, "mrt_" + "A" * 65]
)
def test_garbage_is_no_refresh_token(text: str) -> None:
    with pytest.raises(InvalidToken):
        rules.refresh_tenant(text)


@pytest.mark.usefixtures("real_passwords")
async def test_a_password_is_known_by_its_hash_alone() -> None:
    stored = await passwords.hashed("x7!kQ2.p")
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await passwords.verified(stored, "x7!kQ2.p")
    assert not await passwords.verified(stored, "X7!kQ2.p")
    assert not await passwords.verified(None, "x7!kQ2.p")
    assert not await passwords.verified("no hash at all", "x7!kQ2.p")
    assert not passwords.outdated(stored)


@pytest.mark.usefixtures("real_passwords")
async def test_an_unknown_person_takes_the_same_path(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    real = passwords._matches

    def counting(stored: str, password: str) -> bool:
        checked.append(stored)
        return real(stored, password)

    monkeypatch.setattr(passwords, "_matches", counting)
    await passwords.verified(None, "whatever it is")
    await passwords.verified(await passwords.hashed("something else"), "x" * 5000)
    assert checked == [passwords._NOBODY] * 2  # each was hashed once, against somebody who does not exist


@pytest.mark.usefixtures("real_passwords")
async def test_too_many_passwords_at_once_are_busy_and_then_it_recovers() -> None:
    asked = passwords.AT_ONCE + passwords.QUEUE + 5
    answers = await asyncio.gather(*(passwords.hashed(f"password {n}") for n in range(asked)), return_exceptions=True)
    busy = [answer for answer in answers if isinstance(answer, Busy)]
    assert len(busy) == 5
    assert busy[0].retry_after
    assert await passwords.hashed("one more")


@pytest.mark.parametrize(
    "address", ["https://app.example.com/back", "http://localhost:3000/back", "http://127.0.0.1/x", "https://a.b/?c=d"]
)
def test_redirects_go_to_https_or_this_machine(address: str) -> None:
    rules.check_client([address], ["authorization_code"])


@pytest.mark.parametrize(
    "address",
    ["http://app.example.com/", "https://a.b/#x", "https://u:p@a.b/", "javascript:alert(1)", "https://", "//a.b", "https://[",
     "https://a.b/ c", "com.app:/x", "https://good.example\\.a.b/", "https://a.b/<x>", "https://a.b/\"", "https://a.b/{x}",
     "https://a.b:99999/"],
)  # fmt: skip
def test_other_redirects_are_refused(address: str) -> None:
    with pytest.raises(Invalid):
        rules.check_client([address], ["authorization_code"])


def test_no_client_without_a_grant_or_with_an_unknown_one() -> None:
    for grants in ([], ["password"], ["implicit"], ["authorization_code"]):
        with pytest.raises(Invalid):
            rules.check_client([], grants)
