"""What proposals taught is kept once and shown to later ones."""

from dataclasses import replace
from itertools import count

from gepa_next.gepa.lessons import LATEST, LONGEST, SHOWN, new_lesson, shown_lessons
from gepa_next.gepa.replies import AdditionReply, PromptReply
from gepa_next.gepa.types import Lesson, ModelCall, Role
from tests.gepa.stage import SEED_PROMPT, Handler, Models, ended, learns, requests, task_of, text_of


def lesson(number: int, gain: float | None = 0.1) -> Lesson:
    return Lesson(id=number, text=f"lesson {number}", candidate_id=number, iteration=1, gain=gain)


def learned(text: str, *known: Lesson) -> Lesson | None:
    return new_lesson(known, text, candidate_id=9, iteration=3, gain=0.2)


def test_a_new_lesson_has_the_next_id_and_its_text_on_one_line() -> None:
    found = learned(" Kinds \n matter. ", lesson(1))
    assert found == Lesson(id=2, text="Kinds matter.", candidate_id=9, iteration=3, gain=0.2)


def test_a_lesson_of_the_same_words_is_not_kept_again() -> None:
    known = replace(lesson(1), text="The answer must name the kind of the request")
    assert learned("the ANSWER must name the kind of the request", known) is None
    assert learned("The answer must name the kind of the request always", known) is None
    assert learned("The answer must be polite", known) is not None


def test_a_lesson_may_come_again_after_many_others() -> None:
    known = [replace(lesson(n), text=f"only-{n}") for n in range(LATEST + 1)]
    assert learned("only-1", *known) is None
    assert learned("only-0", *known) is not None


def test_an_empty_lesson_is_none_and_a_long_one_is_cut() -> None:
    assert learned(" \n") is None
    found = learned("word " * 1000)
    assert found is not None
    assert len(found.text) == LONGEST


def test_the_lessons_of_the_largest_gains_are_shown_the_newest_first_of_equals() -> None:
    known = [lesson(1, 0.1), lesson(2, 0.3), lesson(3, 0.1), lesson(4, -0.2), lesson(5, 0.0)]
    assert [each.id for each in shown_lessons(known)] == [2, 3, 1, 5]


def test_only_so_many_lessons_are_shown() -> None:
    assert [each.id for each in shown_lessons([lesson(n, n / 100) for n in range(20)])] == list(
        range(19, 19 - SHOWN, -1)
    )


def test_a_state_has_the_lessons_to_be_shown_at_hand() -> None:
    whole = ended(task_of(requests(60), iterations=20, population=6), Models(reflector=ever_new()))
    assert len(whole.state.lessons) > 2 * SHOWN
    assert whole.state.best_lessons == shown_lessons(whole.state.lessons)


def ever_new() -> Handler:
    numbers = count()

    def reflector(call: ModelCall) -> object:
        made = learns(call)
        assert isinstance(made, PromptReply | AdditionReply)
        return replace(made, lesson=f"Lesson-{next(numbers)}")

    return reflector


def test_a_lesson_is_shown_to_the_reflector_from_the_next_iteration_on() -> None:
    models = Models()
    whole = ended(task_of(requests(30)), models)
    first = whole.state.lessons[0]
    shown = {int(call.key.split("/")[0]) for call in models.asked(Role.REFLECTOR) if f"- {first.text}" in text_of(call)}
    assert shown
    assert min(shown) > first.iteration


def test_the_lessons_of_a_run_say_different_things() -> None:
    texts = [each.text for each in ended(task_of(requests(30)), Models()).state.lessons]
    assert len(texts) == len(set(texts)) > 1


def test_a_lesson_carries_the_gain_its_proposal_was_tried_with() -> None:
    whole = ended(task_of(requests(30)), Models())
    for each in whole.state.lessons:
        tried = whole.state.candidates[each.candidate_id]
        assert each.gain == (tried.score or 0) - (tried.parent_score or 0)


def says_nothing_new(_: ModelCall) -> PromptReply:
    return PromptReply(lesson="All is well as it is.", prompt=SEED_PROMPT)


def test_a_refused_proposal_teaches_nothing() -> None:
    whole = ended(task_of(requests(30)), Models(reflector=says_nothing_new))
    assert whole.reasons == {"", "duplicate"}
    assert not whole.state.lessons
