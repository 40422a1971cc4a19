"""Anchors: outputs of every quality, always the same, by which a judge is compared with what it was."""

from dataclasses import dataclass

from gepa_next.gepa.types import Example


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """An output to be judged, with all that a judge is told about it."""

    id: str
    input: str
    output: str
    ideal: str | None = None
    rubric: str = ""

    @property
    def example(self) -> Example:
        """What the output answers."""
        return Example(id=self.id, input=self.input, ideal=self.ideal)


_REFUND = "A customer writes: the kettle I bought on 3 May leaks. I want my money back. Answer in two sentences."
_POLITE = "The answer is friendly, promises the refund, and asks for the order number. Two sentences."
_SUMMARY = (
    "Sum up in one sentence: The library opens at nine on weekdays and at ten on Saturdays. On Sundays and holidays it"
    " is closed. Books can be returned at any time through the slot beside the door."
)
_ORDER = "Order: 3 lamps at 20 EUR, 2 chairs at 45 EUR. Delivery 12 EUR, free above 140 EUR. What is the total?"

ANCHORS = (
    Anchor(
        id="refund-good",
        input=_REFUND,
        rubric=_POLITE,
        output="I am sorry that your kettle leaks; of course you will get your money back. Please send me your order"
        " number, and I will see to it today.",
    ),
    Anchor(
        id="refund-no-number",
        input=_REFUND,
        rubric=_POLITE,
        output="We are very sorry about the kettle. We will refund it soon, thank you for your patience.",
    ),
    Anchor(
        id="refund-long",
        input=_REFUND,
        rubric=_POLITE,
        output="Thank you for your message. I am sorry to hear about the kettle. A refund is possible. Please tell me"
        " your order number. Have a nice day.",
    ),
    Anchor(
        id="refund-curt",
        input=_REFUND,
        rubric=_POLITE,
        output="Send it back with the order number. Then we will look at it and decide about a refund.",
    ),
    Anchor(
        id="summary-good",
        input=_SUMMARY,
        output="The library opens at nine on weekdays and ten on Saturdays and is closed on Sundays and holidays, but"
        " books can be returned at any time.",
    ),
    Anchor(
        id="summary-part",
        input=_SUMMARY,
        output="The library opens at nine on weekdays and is closed on Sundays.",
    ),
    Anchor(
        id="summary-wrong",
        input=_SUMMARY,
        output="The library opens at nine every day except holidays, and books can be returned through a slot.",
    ),
    Anchor(
        id="summary-off",
        input=_SUMMARY,
        output="Libraries are important places where people of all ages can read, learn and meet.",
    ),
    Anchor(id="order-right", input=_ORDER, ideal="150 EUR", output="The total is 150 EUR, with free delivery."),
    Anchor(
        id="order-slip",
        input=_ORDER,
        ideal="150 EUR",
        output="3 x 20 = 60 and 2 x 45 = 90, together 150 EUR; with delivery that makes 162 EUR.",
    ),
    Anchor(
        id="order-unsure",
        input=_ORDER,
        ideal="150 EUR",
        output="Roughly 150 EUR, perhaps a little more with delivery.",
    ),
    Anchor(id="order-wrong", input=_ORDER, ideal="150 EUR", output="122 EUR."),
)
