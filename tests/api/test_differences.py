"""What two texts have in common, word by word."""

import random
import subprocess
import sys

import pytest

from gepa_next.api.evidence.report.differences import ADDED, KEPT, MOST_EDITS, REMOVED, Piece, word_differences

SHORT = [
    ("", "", []),
    ("the same", "the same", [Piece(KEPT, "the same")]),
    ("", "all new", [Piece(ADDED, "all new")]),
    ("a word", "a sentence", [Piece(KEPT, "a "), Piece(REMOVED, "word"), Piece(ADDED, "sentence")]),
    ("one\ntwo\n", "one\ntwo\nthree\n", [Piece(KEPT, "one\ntwo\n"), Piece(ADDED, "three\n")]),
    ("say it now", "tell me now", [Piece(REMOVED, "say it"), Piece(ADDED, "tell me"), Piece(KEPT, " now")]),
]
OTHERS_MEANWHILE = """
from gevent import monkey; monkey.patch_all()
import random, threading
from gepa_next.api.evidence.report.differences import word_differences

turns = []
def work(name):
    words = [" ".join(str(random.random()) for _ in range(3000)) for _ in "ab"]
    turns.append(name)
    word_differences(*words)
    turns.append(name)

threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
for each in threads: each.start()
for each in threads: each.join()
print("".join(turns))
"""


@pytest.mark.parametrize(("before", "after", "pieces"), SHORT)
def test_what_changed_is_told_word_by_word(before, after, pieces) -> None:
    assert word_differences(before, after) == pieces


@pytest.mark.parametrize("seed", range(200))
def test_the_pieces_make_both_texts_again(seed) -> None:
    rng = random.Random(seed)  # noqa: S311 - the same texts each time
    before, after = ("".join(rng.choices("ab \n", k=rng.randrange(60))) for _ in range(2))
    pieces = word_differences(before, after)
    assert "".join(each.text for each in pieces if each.kind != ADDED) == before
    assert "".join(each.text for each in pieces if each.kind != REMOVED) == after


def test_texts_that_have_too_little_in_common_are_told_as_a_whole() -> None:
    before, after = (" ".join(f"{name}{n}" for n in range(MOST_EDITS)) for name in "ab")
    assert word_differences(f"x {before} y", f"x {after} y") == [
        Piece(KEPT, "x "),
        Piece(REMOVED, before),
        Piece(ADDED, after),
        Piece(KEPT, " y"),
    ]


def test_others_come_in_between_where_threads_are_greenlets() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OTHERS_MEANWHILE], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.strip() in {"abab", "abba"}, done.stderr
