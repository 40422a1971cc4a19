"""Long answers are made in short turns."""

import subprocess
import sys

from gepa_next.api.edge.pacing import CHUNK, MOST_ITEMS, in_chunks, unhurried

TWO_AT_ONCE = """
from gevent import monkey; monkey.patch_all()
import threading
from gepa_next.api.edge.pacing import in_chunks, unhurried

turns = []

def work(name, items):
    for item in items:
        turns.append(name)

for make in (in_chunks, unhurried):
    turns.clear()
    threads = [threading.Thread(target=work, args=(name, make(["line"] * 20_000))) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sum(one != other for one, other in zip(turns, turns[1:])) > 90)
"""


def test_others_come_in_between_where_threads_are_greenlets() -> None:
    done = subprocess.run([sys.executable, "-c", TWO_AT_ONCE], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout.split() == ["True", "True"], done.stderr


def test_nothing_is_lost_on_the_way() -> None:
    pieces = [f"{n} ä" * (n % 7) for n in range(3 * MOST_ITEMS)]
    assert b"".join(in_chunks(pieces)).decode() == "".join(pieces)
    assert list(unhurried(pieces)) == pieces


def test_a_chunk_is_no_longer_than_need_be() -> None:
    line = "x" * 1000
    assert max(map(len, in_chunks([line] * 100))) <= CHUNK + len(line)
