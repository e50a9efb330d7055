"""The people and the test cases of a small online shop, which the scenarios share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from tools.simulator.model import Case, Project, Test, User
    from tools.simulator.world import World

CASE_NAMES: Mapping[str, tuple[str, ...]] = {
    "Accounts": (
        "Register with a new email address",
        "Register with an address that is already taken",
        "Confirm an address with the link in the email",
        "Confirm an address with a link that has expired",
        "Login with a valid password",
        "Login with an expired password",
        "Login with a wrong password five times",
        "Login with a passkey",
        "Login with two-factor authentication",
        "Login keeps the cart of the guest",
        "Logout on all devices",
        "Reset a forgotten password",
        "Change the email address",
        "Delete the account",
        "Session ends after 30 minutes without activity",
    ),
    "Search": (
        "Search by product name",
        "Search by article number",
        "Search with a typing mistake",
        "Search with umlauts and accents",
        "Search without a match offers alternatives",
        "Suggestions appear after three letters",
        "Filter by size and colour",
        "Filter by price range",
        "Filter by availability in a store",
        "Sort by price, ascending",
        "Sort by rating",
        "Filters survive the back button",
        "Page through more than 100 matches",
    ),
    "Product page": (
        "Gallery zooms on a double tap",
        "Video plays without sound at first",
        "Size guide opens in the right unit",
        "Sold-out size offers a reminder",
        "Reviews are sorted by usefulness",
        "Write a review with a photo",
        "Delivery date follows the postal code",
        "Price shows the lowest of the last 30 days",
        "Share a product by link",
        "Recently viewed products are remembered",
        "Accessories match the product",
        "Screen reader reads price and availability",
    ),
    "Cart": (
        "Add a product to the cart",
        "Add the same product twice",
        "Change the quantity",
        "Change the quantity beyond the stock",
        "Remove the last product",
        "Undo a removal",
        "Save a product for later",
        "Cart survives closing the browser",
        "Cart is the same on phone and laptop",
        "Voucher reduces the total",
        "Voucher that has expired is refused",
        "Two vouchers cannot be combined",
        "Gift card covers a part of the total",
        "Free delivery starts at 50 euros",
    ),
    "Checkout": (
        "Checkout as a guest",
        "Checkout with a saved address",
        "Checkout with a different delivery address",
        "Deliver to a parcel locker",
        "Collect in a store",
        "Address without a house number is questioned",
        "Address abroad shows customs duties",
        "Choose a delivery window",
        "Terms must be accepted",
        "Order total equals the sum of its lines",
        "Order is placed once on a double click",
        "Confirmation email arrives within a minute",
        "Checkout with the keyboard alone",
        "Checkout in a right-to-left language",
    ),
    "Payment": (
        "Pay by credit card",
        "Pay by credit card with a 3-D Secure challenge",
        "Credit card is declined",
        "Pay by PayPal",
        "Cancel at PayPal and return to the cart",
        "Pay by Apple Pay",
        "Pay by invoice",
        "Pay by instalments",
        "Pay with a gift card and a credit card",
        "Payment provider does not answer",
        "Amount is charged once after a retry",
        "Receipt shows the VAT of each line",
    ),
    "After the order": (
        "Order appears in the history",
        "Cancel before shipping",
        "Cancel a part of the order",
        "Track a parcel",
        "Return a product with a printed label",
        "Return a product with a QR code",
        "Refund reaches the card",
        "Refund reaches the gift card",
        "Exchange for another size",
        "Invoice can be downloaded as PDF",
        "Order again with one tap",
        "Contact form knows the order",
    ),
    "Back office": (
        "Stock is reduced by an order",
        "Price change appears within five minutes",
        "Product is published on a date",
        "Employee without the right cannot refund",
        "Export orders as CSV",
        "Import products with a broken line",
        "Audit log names the person",
        "Newsletter respects the opt-out",
    ),
}


@dataclass(frozen=True, slots=True)
class Team:
    """Who tests at the shop. The robot is an API user that saves the results of scripts."""

    ada: User
    grace: User
    alan: User
    katherine: User
    robot: User


def add_team(world: World) -> Team:
    """The usual five; they get the ids 2 to 6 in a new world."""
    return Team(
        world.add_user("Ada Lovelace"),
        world.add_user("Grace Hopper"),
        world.add_user("Alan Turing"),
        world.add_user("Katherine Johnson"),
        world.add_user("Nightly Robot", is_api=True),
    )


def add_cases(world: World, project: Project, *, created_at: datetime) -> list[Case]:
    """The 100 cases of the shop in their folders."""
    cases = []
    for folder_name, names in CASE_NAMES.items():
        folder = world.add_folder(project, folder_name)
        cases += [world.add_case(project, name, folder=folder, created_at=created_at) for name in names]
    return cases


def tests_by_case(world: World, tests: list[Test]) -> dict[str, Test]:
    """Case name → test, to find the one a story is about."""
    return {world.cases[test.case_id].name: test for test in tests}
