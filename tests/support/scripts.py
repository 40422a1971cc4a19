"""What the fault server does next: acts in their order, a storm, or one act for the requests that say a word."""

import json
import threading
from collections import Counter
from random import Random

from tests.support.simulated_answers import answer_of

MODEL = {"act": "model"}


class Script:
    """Remembers the requests and says what each of them gets."""

    def __init__(self):
        self.seen = []
        self.lock = threading.Lock()

    def next_act(self, request):
        with self.lock:
            self.seen.append(request)
            act = self.choose(request)
        return answer_of(json.loads(request["body"])) if act.get("act") == "model" else act


class InOrder(Script):
    """Plays a list, its last act again and again."""

    def __init__(self, acts):
        super().__init__()
        self.acts = acts

    def choose(self, _):
        return self.acts[min(len(self.seen), len(self.acts)) - 1]


class Storm(Script):
    """Strikes a share of all sends, drawn by request id and attempt alone, so that every run meets the same faults.

    No request is struck by a fault more often than the fault's `most`, which is how often it is retried.
    """

    def __init__(self, *, share, seed, acts):
        super().__init__()
        self.share, self.seed, self.acts = share, seed, acts
        self.attempts, self.struck = Counter(), Counter()

    def choose(self, request):
        name = request["headers"]["x-client-request-id"]
        self.attempts[name] += 1
        draw = Random(f"{self.seed}/{name}/{self.attempts[name]}")  # noqa: S311 - to be the same every time
        if draw.random() >= self.share:
            return MODEL
        act = draw.choice(self.acts)
        if self.struck[name, act["fault"]] >= act["most"]:
            return MODEL
        self.struck[name, act["fault"]] += 1
        return act


class ByWords(Script):
    """Plays the first list whose words a request contains, and answers the others as the simulator does."""

    def __init__(self, rules):
        super().__init__()
        self.rules = rules
        self.met = Counter()

    def choose(self, request):
        for place, rule in enumerate(self.rules):
            if all(word in request["body"] for word in rule["words"]):
                self.met[place] += 1
                return rule["acts"][min(self.met[place], len(rule["acts"])) - 1]
        return MODEL


def make_script(wanted):
    """Return the script that a test asks for: a list, or an object with the arguments of a storm or the rules."""
    if isinstance(wanted, list):
        return InOrder(wanted)
    return Storm(**wanted) if "share" in wanted else ByWords(wanted["rules"])
