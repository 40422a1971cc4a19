"""Commands about the judge: how it agrees with people, and whether it scores as it did before."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from gepa_next.config import Settings, load_settings
from gepa_next.errors import ConfigurationError, ProviderError
from gepa_next.operating.calibration import Calibration, calibrate
from gepa_next.operating.human_scores import ScoredOutput, read_scored
from gepa_next.operating.opening import open_database
from gepa_next.roles import judge_of, ways_of
from gepa_next.runner.judge_check import Checked, check_judge

SIMULATED = "simulated: the built-in simulator is the judge, and this says nothing of a real one"
MOVED = 1
FAILED = 2


def calibrate_judge(options: argparse.Namespace) -> None:
    """Judge outputs that people have scored, and compare."""
    settings = load_settings(require_auth=False, allow_insecure_bind=True)
    scored = _read(options.file, scale=options.scale)
    model_id, judge = judge_of(settings, ways_of(settings))
    with ThreadPoolExecutor(settings.max_concurrent_calls) as pool:
        try:
            found = calibrate(scored, judge, model_id=model_id, apply=pool.map)
        except ProviderError as error:
            print(f"gepa-next: {error.message}", file=sys.stderr)
            raise SystemExit(FAILED) from None
    as_object = {**asdict(found), "simulated": settings.simulated}
    lines = [*_warned(settings), *_lines(found)]
    print(json.dumps(as_object) if options.json else "\n".join(lines))
    if found.agreement is None:
        raise SystemExit(FAILED)


def check_anchors(options: argparse.Namespace) -> None:
    """Judge the anchors again, and compare with the first time."""
    settings = load_settings(require_auth=False, allow_insecure_bind=True)
    model_id, judge = judge_of(settings, ways_of(settings))
    with open_database() as database:
        found = check_judge(database, judge, model_id=model_id, new_baseline=options.new_baseline)
    aside = sys.stderr if found.check is None and not options.json else sys.stdout
    as_object = {**_as_object(found, model_id), "simulated": settings.simulated}
    lines = [*_warned(settings), *_said(found, model_id)]
    print(json.dumps(as_object) if options.json else "\n".join(lines), file=aside)
    if found.check is None:
        raise SystemExit(FAILED)
    if found.check.drift is not None and found.check.drift.moved:
        raise SystemExit(MOVED)


def _warned(settings: Settings) -> list[str]:
    return [SIMULATED] if settings.simulated else []


def _as_object(found: Checked, model_id: str) -> dict[str, object]:
    compared = found.check.drift if found.check else None
    return {
        "model_id": model_id,
        "anchors": found.answers.scored,
        "baseline": found.check is not None and compared is None,
        "drift": compared and asdict(compared),
        "outcomes": found.answers.outcomes,
        "reason": found.reason or None,
        "usage": found.answers.usage,
    }


def _said(found: Checked, model_id: str) -> Iterator[str]:
    if found.check is None:
        yield f"{model_id} could not be checked: {found.reason}"
    elif (compared := found.check.drift) is None:
        yield f"{model_id}: {found.answers.scored} anchors scored, the baseline of the checks to come"
    else:
        (low, high), verdict = compared.interval, "has moved" if compared.moved else "has not been seen to move"
        yield f"{model_id} {verdict}: {compared.n} anchors"
        yield f"mean before {compared.before:.3f}, now {compared.now:.3f}"
        yield f"shift {compared.shift:+.3f}, 99 % interval {low:+.3f} to {high:+.3f}"
    yield _paid(found.answers.usage)


def _read(path: Path, *, scale: int) -> list[ScoredOutput]:
    try:
        return read_scored(path, scale=scale)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}") from None


def _lines(found: Calibration) -> Iterator[str]:
    said = found.agreement
    failed = ", ".join(f"{count} {code}" for code, count in sorted(found.failed.items()))
    left_out = f"; without a score: {failed}" if failed else ""
    yield f"{said.n if said else 0} outputs scored by {found.model_id}{left_out}"
    yield f"for jobs with the fingerprint {' or '.join(found.fingerprints)}"
    if said is not None:
        yield f"the same points: {said.exact:.1%}; at most one point apart: {said.within_one:.1%}"
        yield f"Spearman's rank correlation: {_number(said.spearman, '.2f')}"
        absolute = f"{said.mean_absolute_error:.3f}"
        yield f"mean error, judge less people: {said.mean_error:+.3f}; in absolute terms: {absolute}"
        slope, correlation = said.length_slope, said.length_correlation
        told = "unknown: one of them does not vary"
        if slope is not None and correlation is not None:
            told = f"correlation {correlation:+.2f}, {slope:+.3f} for 1,000 characters more"
        yield f"error and length of the output: {told}"
    yield _paid(found.usage)


def _paid(usage: Mapping[str, float | None]) -> str:
    cost_usd = usage.get("cost_usd")
    cost = "at an unknown cost" if cost_usd is None else f"{cost_usd:.4f} USD"
    return f"{usage.get('calls') or 0:g} calls, {cost}"


def _number(value: float | None, form: str) -> str:
    return "unknown, for nothing varies" if value is None else format(value, form)
