"""Public holidays of a country or a part of it, by the `holidays` package."""

from collections.abc import Sequence
from datetime import date

import holidays


class NotKnown(ValueError):
    """There are no holidays of this country or part of it; a sentence."""


def public_holidays(country: str, subdivision: str | None, years: Sequence[int]) -> dict[date, str]:
    """The days and their names in English or, where there are none, in the country's language. Raises NotKnown."""
    try:
        found = holidays.country_holidays(country, subdiv=subdivision, years=list(years), language="en_US")
    except NotImplementedError as error:
        known = ", ".join(holidays.list_supported_countries().get(country, ()))
        sentence = (
            f"{country} has no part {subdivision}; its parts are: {known}."
            if known or country in holidays.list_supported_countries()
            else f"No public holidays of {country} are known."
        )
        raise NotKnown(sentence) from error
    return dict(sorted(found.items()))
