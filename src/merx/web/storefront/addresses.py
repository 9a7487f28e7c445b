"""Address fields of the checkout's form, and the countries they offer."""

from __future__ import annotations

from functools import lru_cache

from merx.core.orders.model import Address
from merx.web.formats import locale_of
from merx.web.forms import Form

FIELDS = ("name", "line1", "line2", "city", "state", "postal_code", "country")
_NEEDED = {
    "name": "Enter the name on the door.",
    "line1": "Enter street and number.",
    "city": "Enter the town or city.",
    "country": "Choose a country.",
}
_WITHOUT_POSTAL_CODE = frozenset(
    (
        "AE AG AO AW BF BI BJ BO BS BW BZ CD CF CG CI CK CM DJ DM ER FJ GA GD GH GM GQ GY HK JM KE KI KM KN KP LC ML "
        "MO MR MS MW NA NR NU QA RW SB SC SL SR ST SY TD TF TG TK TL TO TV TZ UG VU YE ZW"
    ).split()
)


@lru_cache(64)
def countries(locale: str) -> list[tuple[str, str]]:
    """(ISO 3166 code, name in the shop's language), by name. The shop's own country comes first."""
    found = locale_of(locale)
    named = [(code, str(name)) for code, name in found.territories.items() if len(code) == 2 and code.isalpha()]
    real = [pair for pair in named if pair[0] not in ("EU", "EZ", "QO", "UN", "XA", "XB", "ZZ")]
    return sorted(real, key=lambda pair: (pair[0] != found.territory, pair[1]))


def read(form: Form, kind: str, locale: str) -> Address:
    """The address in the fields `<kind>_…`; what is missing becomes a fault of its field."""
    given = {name: form.text(f"{kind}_{name}") for name in FIELDS}
    for name, said in _NEEDED.items():
        if not given[name]:
            form.fault(f"{kind}_{name}", said)
    known = dict(countries(locale))
    if given["country"] and given["country"] not in known:
        form.fault(f"{kind}_country", _NEEDED["country"])
    if not given["postal_code"] and given["country"] in known and given["country"] not in _WITHOUT_POSTAL_CODE:
        form.fault(f"{kind}_postal_code", "Enter the postal code.")
    return Address(**given)


def names(kind: str, core: str) -> dict[str, str]:
    """The core's field names to the form's."""
    return {f"{core}.{name}": f"{kind}_{name}" for name in FIELDS}
