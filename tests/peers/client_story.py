"""What an integrator does first, with the client that is generated from the specification.

usage: client_story.py URL; the client is the package `portolan_client`. Everything is typed: `mypy --strict` reads this
file against the client before it runs.
"""

import sys
from http import HTTPStatus

from portolan_client import Client
from portolan_client.api.network import get_site, list_sites, list_stock
from portolan_client.api.orders import cancel_order, check_availability, get_order, list_orders, take_order
from portolan_client.api.webhooks import create_webhook, list_webhooks
from portolan_client.api.what_if import ask_what_if
from portolan_client.models.availability_request import AvailabilityRequest
from portolan_client.models.availability_view import AvailabilityView
from portolan_client.models.case_request import CaseRequest
from portolan_client.models.event_type import EventType
from portolan_client.models.order_cancellation import OrderCancellation
from portolan_client.models.order_line import OrderLine
from portolan_client.models.order_spec import OrderSpec
from portolan_client.models.order_view import OrderView
from portolan_client.models.page_of_order_view import PageOfOrderView
from portolan_client.models.page_of_site_view import PageOfSiteView
from portolan_client.models.page_of_stock_view import PageOfStockView
from portolan_client.models.page_of_webhook_view import PageOfWebhookView
from portolan_client.models.problem import Problem
from portolan_client.models.site_view import SiteView
from portolan_client.models.webhook_request import WebhookRequest
from portolan_client.models.webhook_view import WebhookView
from portolan_client.models.what_if_request import WhatIfRequest


def the_story(client: Client) -> None:
    # The twin.
    sites = list_sites.sync(client=client)
    assert isinstance(sites, PageOfSiteView), sites
    assert [site.site for site in sites.items] == ["SHOP", "WH"], sites
    shop = get_site.sync("SHOP", client=client)
    assert isinstance(shop, SiteView) and shop.kind == "shop", shop
    stock = list_stock.sync(client=client)
    assert isinstance(stock, PageOfStockView), stock
    on_hand = {(it.site, it.sku): it.on_hand for it in stock.items}
    assert on_hand["SHOP", "tea"] == 100, on_hand

    # What can be had, and ordering it.
    wanted = [OrderLine(sku="tea", pieces=30)]
    free = check_availability.sync(client=client, body=AvailabilityRequest(site="SHOP", lines=wanted))
    assert isinstance(free, AvailabilityView) and free.complete, free
    for n in range(3):
        spec = OrderSpec(order=f"PY-{n}", site="SHOP", lines=wanted, customer="Harbour Gifts")
        taken = take_order.sync(client=client, body=spec, idempotency_key=f"py-{n}")
        assert isinstance(taken, OrderView) and taken.lines[0].promised == 30, taken

    # Page by page.
    seen: list[str] = []
    page = list_orders.sync(client=client, limit=2)
    assert isinstance(page, PageOfOrderView), page
    seen += [order.order for order in page.items]
    assert page.next_cursor is not None
    page = list_orders.sync(client=client, limit=2, cursor=int(page.next_cursor))
    assert isinstance(page, PageOfOrderView) and page.next_cursor is None, page
    seen += [order.order for order in page.items]
    assert seen == ["PY-2", "PY-1", "PY-0"], seen

    # Cancelling.
    ended = cancel_order.sync("PY-1", client=client, body=OrderCancellation(reason="no longer wanted"))
    assert isinstance(ended, OrderView) and ended.status == "cancelled", ended
    one = get_order.sync("PY-1", client=client)
    assert isinstance(one, OrderView) and one.reason == "no longer wanted", one

    # Being told.
    hook = WebhookRequest(url="https://hooks.example/portolan", event_types=[EventType.ORDER_TAKEN])
    made = create_webhook.sync(client=client, body=hook, idempotency_key="erp")
    assert isinstance(made, WebhookView) and isinstance(made.secret, str), made
    hooks = list_webhooks.sync(client=client)
    assert isinstance(hooks, PageOfWebhookView) and hooks.items[0].secret is None, hooks

    # Problems have a type, and say where.
    other = OrderSpec(order="PY-0", site="SHOP", lines=[OrderLine(sku="tea", pieces=31)])
    conflict = take_order.sync_detailed(client=client, body=other, idempotency_key="py-0")
    assert conflict.status_code == HTTPStatus.CONFLICT, conflict
    assert isinstance(conflict.parsed, Problem) and conflict.parsed.type_ == "/problems/conflict", conflict
    wrong = take_order.sync(
        client=client,
        body=OrderSpec(order="PY-9", site="NOWHERE", lines=[OrderLine(sku="gold", pieces=1)]),
        idempotency_key="py-9",
    )
    assert isinstance(wrong, Problem) and wrong.status == 400, wrong
    assert [fault.pointer for fault in wrong.errors] == ["#/site", "#/lines/0/sku"], wrong
    scenario = CaseRequest(toml='name = "x"\n[[change]]\nkind = "no_such_thing"\n')
    cannot = ask_what_if.sync_detailed(
        client=client, body=WhatIfRequest(scenarios=[scenario], days=7), idempotency_key="py-what-if"
    )
    assert cannot.status_code == HTTPStatus.UNPROCESSABLE_ENTITY, cannot
    assert isinstance(cannot.parsed, Problem) and cannot.parsed.type_ == "/problems/bad_scenario", cannot


if __name__ == "__main__":
    with Client(base_url=sys.argv[1]) as gateway:
        the_story(gateway)
    print("told")
