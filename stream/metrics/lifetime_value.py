"""What a customer is worth, in three forms. Money stays in minor units, each currency on its own."""

from functools import cache
from math import inf
from typing import Final

from stream.core.config import CoreConfig
from stream.core.currency import CURRENCIES
from stream.core.customer import CUSTOMER_ALWAYS, Customer
from stream.core.measure import EXCLUDED_SLOTS, Figure, Measure, Series, Tally
from stream.core.metric import FigureName, Metric, excluded_of
from stream.metrics.stays import JOINED, LEFT, NOT_A_CUSTOMER, START, customers_in, stay_measures, stay_of

EXCLUDED: Final = ("unknown_currency", "amount_too_large", NOT_A_CUSTOMER)
_UNKNOWN_CURRENCY, _TOO_LARGE, _GUEST = range(3)

MOST_MINOR: Final = 10**11
"""Amounts beyond it are excluded: sums of them would not fit in 64 bits."""

_STAY_MS: Final = EXCLUDED_SLOTS + 3
"""Milliseconds for which those who left had been customers."""
_MONEY: Final = 32
_MONEY_SLOTS: Final = 8
_SUM, _MARGIN, _ORDERS, _LIFE_SUM, _LIFE_ORDERS = range(5)
"""Per currency: amounts, the same times the margin in percent, orders (no refunds); amounts and orders of whole stays, at their ends."""

_PERCENT: Final = 100
_YEAR_MS: Final = 365.25 * 86_400_000
FORMS: Final = ("historic", "predictive", "simple")


def _measures(customer: Customer, config: CoreConfig) -> list[Measure]:
    """Of purchases only those that were made as a customer, under the labels of that stay: so are customers counted."""
    measures = stay_measures(customer, config)
    stays = customer.stays()
    measures += [
        (stay.left_ms, customer.labels_at(stay.joined_ms, config), _STAY_MS, stay.left_ms - stay.joined_ms)
        for stay in stays
        if stay.left_ms is not None
    ]
    for one in customer.purchases:
        stay = stay_of(stays, one.at)
        labels = customer.labels_at(one.at if stay is None else stay.joined_ms, config)
        if stay is None:
            measures.append((one.at, labels, _GUEST, 1))
        elif isinstance(one.currency, str):
            measures.append((one.at, labels, _UNKNOWN_CURRENCY, 1))
        elif abs(one.amount) > MOST_MINOR:
            measures.append((one.at, labels, _TOO_LARGE, 1))
        else:
            amount, orders = one.amount, int(one.amount >= 0)
            first = _MONEY + one.currency * _MONEY_SLOTS
            measures += (
                (one.at, labels, first + _SUM, amount),
                (one.at, labels, first + _MARGIN, amount * config.margin_percent),
                (one.at, labels, first + _ORDERS, orders),
            )
            if stay.left_ms is not None:
                measures += (
                    (stay.left_ms, labels, first + _LIFE_SUM, amount),
                    (stay.left_ms, labels, first + _LIFE_ORDERS, orders),
                )
    return measures


def _figures(tally: Tally) -> list[Figure]:
    customers, start, lost = customers_in(tally), tally.get(START, 0), tally.get(LEFT, 0)
    figures = [
        Figure(
            metric="lifetime_value",
            n=customers,
            value=None,
            unit="minor",
            parts={"customers": customers, "start": start, "joined": tally.get(JOINED, 0), "lost": lost},
            excluded=excluded_of(tally, EXCLUDED),
        )
    ]
    for position in sorted({(slot - _MONEY) // _MONEY_SLOTS for slot in tally if slot >= _MONEY}):
        first = _MONEY + position * _MONEY_SLOTS
        total, margin, orders, life_sum, life_orders = (
            tally.get(first + slot, 0) for slot in range(_LIFE_ORDERS + 1)
        )
        currency = CURRENCIES[position].lower()
        figures += (
            _figure(
                f"lifetime_value_historic_{currency}",
                customers,
                margin / _PERCENT / customers if customers > 0 else None,
                {
                    "sum_minor": total,
                    "margin_minor": margin / _PERCENT,
                    "orders": orders,
                    "customers": customers,
                },
            ),
            _figure(
                f"lifetime_value_predictive_{currency}",
                customers,
                total * start / customers / lost if customers > 0 and lost > 0 and start > 0 else None,
                {"sum_minor": total, "orders": orders, "customers": customers, "start": start, "lost": lost},
            ),
            _figure(
                f"lifetime_value_simple_{currency}",
                lost,
                life_sum / lost if lost > 0 else None,
                _simple_parts(life_sum, life_orders, lost, tally.get(_STAY_MS, 0)),
            ),
        )
    return figures


def _figure(name: str, n: int, value: float | None, parts: dict[str, int | float]) -> Figure:
    return Figure(metric=name, n=n, value=value, unit="minor", parts=parts)


def _simple_parts(life_sum: int, orders: int, lost: int, stay_ms: int) -> dict[str, int | float]:
    """The three factors beside what they are made of: their product is the value."""
    years = stay_ms / _YEAR_MS
    return {
        "sum_minor": life_sum,
        "orders": orders,
        "lost": lost,
        "average_purchase_minor": life_sum / orders if orders else 0,
        "purchases_per_year": orders / years if years else 0,
        "lifetime_years": years / lost if lost else 0,
    }


def _series(form: str, currency: str) -> Series:
    metric = f"lifetime_value_{form}_{currency.lower()}"
    return Series(
        f"lifetime_value_{form}_minor",
        f"Lifetime value of a customer in its {form} form, in minor units of the currency.",
        lambda figure: figure.value if figure.metric == metric else None,
        (("currency", currency),),
    )


def metric(config: CoreConfig) -> Metric:
    """Follows ``margin_percent``."""
    return _metric(config.margin_percent)


@cache
def _metric(margin_percent: int) -> Metric:
    return Metric(
        id=30,
        name="lifetime_value",
        title="Customer lifetime value",
        unit="minor",
        definition=(
            "Per currency, in its minor units, for an average customer. lifetime_value_historic_eur: purchases of the window x "
            "margin / those who were customers in it. lifetime_value_predictive_eur: transactions of a customer in the window x "
            "average order x lifetime, in windows, as 1 / churn rate; so monthly transactions with months for a window. "
            "lifetime_value_simple_eur: average purchase x purchases per year x years as a customer, over the whole stays of those "
            "who left in the window. Refunds lower the sums and are no orders. What somebody buys who is no customer at that time "
            "is left out and counted as not_a_customer; who joins again counts again."
        ),
        source="Ours: three plain textbook formulas; margin is STREAM_MARGIN; no one publication is meant",
        null_rule="Null of lifetime_value itself, which carries the counts; of a form where it has no customers, or nobody left.",
        excluded_reasons=EXCLUDED,
        reads=CUSTOMER_ALWAYS | {"purchase"},
        entity="customer",
        stock=START,
        measures=_measures,
        figures=_figures,
        only_counts=True,
        version=2,
        others=tuple(
            FigureName(f"lifetime_value_{form}_{currency.lower()}", "minor", (-inf, inf))
            for form in FORMS
            for currency in CURRENCIES
        ),
        series=(
            *(_series(form, currency) for form in FORMS for currency in CURRENCIES),
            Series(
                "lifetime_value_customers",
                "Customers at the window's start, and who joined in it.",
                lambda figure: figure.n if figure.metric == "lifetime_value" else None,
            ),
            Series(
                "lifetime_value_lost_customers",
                "Customers who left in the window.",
                lambda figure: figure.parts["lost"] if figure.metric == "lifetime_value" else None,
            ),
        ),
        parameters=f"margin={margin_percent}%",
    )
