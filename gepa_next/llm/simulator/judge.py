"""The simulated judge: compares an answer with the perfect one, or with the words of the rubric."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gepa_next.gepa.messages import DEFAULT_RUBRIC
from gepa_next.gepa.replies import SCORE_POINTS, JudgeReply
from gepa_next.gepa.types import Message
from gepa_next.llm.simulator.reading import join, quote
from gepa_next.llm.simulator.words import content_stems, content_words, mentions, stem, stems, tokens

_QUESTION = re.compile(
    r".*?<input-([0-9a-f]{8})>\n(.*?)\n</input-\1>\n"
    r"(?:\n[^\n]*\n<ideal-\1>\n(.*?)\n</ideal-\1>\n)?"
    r"(?:\n[^\n]*\n<rubric-\1>\n(.*?)\n</rubric-\1>\n)?"
    r".*?<answer-\1>\n(.*?)\n</answer-\1>(?:\n|\Z)",
    re.DOTALL,
)
_FIELD_WORDS = 3
_RUBRIC_WORDS = 6
_BRIEF_WORDS = 120


@dataclass(frozen=True, slots=True)
class Question:
    """What the judge is shown."""

    input: str
    ideal: str | None
    rubric: str
    output: str


def judge(messages: Sequence[Message]) -> JudgeReply:
    """Score the fenced answer from 0 to 10, feedback first."""
    question = read_question("\n\n".join(message.content for message in messages))
    if question is None:
        return JudgeReply(feedback="There is no answer to score.", score=0)
    if question.ideal is not None:
        return _against_ideal(question.ideal, question.output)
    return _against_rubric(question)


def read_question(text: str) -> Question | None:
    """Find input, perfect answer, rubric and answer; None if the text has another shape."""
    found = _QUESTION.match(text)
    return Question(found[2], found[3], found[4] or "", found[5]) if found else None


def _against_ideal(ideal: str, output: str) -> JudgeReply:
    wanted, given = tokens(ideal), tokens(output)
    if _squeezed(ideal) == _squeezed(output):
        return JudgeReply(feedback=f"Right, and in the form asked for: {quote(ideal)}.", score=SCORE_POINTS)
    fields = [field.strip() for field in re.split(r"[/|,;\n]", ideal) if tokens(field)]
    if len(fields) > 1 and all(len(tokens(field)) <= _FIELD_WORDS for field in fields):
        remark, score = _by_fields(fields, output, wordy=len(given) > 2 * len(wanted))
    else:
        remark, score = _by_words(wanted, given)
    return JudgeReply(feedback=f"{remark} A perfect answer would have been {quote(ideal)}.", score=score)


def _squeezed(text: str) -> str:
    """Return the text without what makes no difference: spacing, capitals and a full stop."""
    return re.sub(r"\s+", "", text.casefold()).rstrip(".")


def _by_fields(fields: Sequence[str], output: str, *, wordy: bool) -> tuple[str, int]:
    """Give points for what is right; take some for what is in the way, and more for what is stated and wrong."""
    given = tokens(output)
    right = [field for field in fields if _states(given, field)]
    missing = [field for field in fields if field not in right]
    score = (SCORE_POINTS - 1) * len(right) // len(fields)
    score -= min(score, 1 + len(right) // 2 if wordy else len(missing))
    remarks = [f"{join(right, 'and')} is right."] if right else []
    remarks += [f"{join(missing, 'and')} is missing."] if missing else []
    remarks += ["Most of the text is in the way."] if wordy else []
    return " ".join(remarks), score if right or not given else int(wordy)


def _states(given: Sequence[str], field: str) -> bool:
    """Say whether the field's words stand in the answer in just this form."""
    wanted = tokens(field)
    return any(list(given[at : at + len(wanted)]) == wanted for at in range(len(given)))


def _by_words(wanted: Sequence[str], given: Sequence[str]) -> tuple[str, int]:
    common = sum((Counter(wanted) & Counter(given)).values())
    share = 2 * common / max(1, len(wanted) + len(given))
    remark = "Close, but not the same." if share >= 1 / 2 else "This is another answer."
    return remark, int((SCORE_POINTS - 1) * share)


def _against_rubric(question: Question) -> JudgeReply:
    """Ask that the answer mentions what the rubric names (or else the input), keeps to the input and is brief."""
    if not tokens(question.output):
        return JudgeReply(feedback="The answer is empty.", score=0)
    named = content_words(question.input if question.rubric == DEFAULT_RUBRIC else question.rubric)[:_RUBRIC_WORDS]
    answered = stems(question.output)
    missing = [word for word in named if not mentions(answered, word)]
    share = 1 - len(missing) / len(named) if named else 1.0
    relevant = bool(content_stems(question.input) & {stem(word) for word in tokens(question.output)})
    brief = len(tokens(question.output)) <= _BRIEF_WORDS
    remarks = [f"It lacks {join(missing, 'and')}." if missing else "It has what matters."]
    remarks += [] if relevant else ["It does not speak of the input."]
    remarks += [] if brief else ["It is too long."]
    return JudgeReply(feedback=" ".join(remarks), score=int(6 * share) + 2 * relevant + 2 * brief)
