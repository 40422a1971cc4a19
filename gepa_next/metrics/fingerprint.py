"""The fingerprint of a job's scores, and what is wrong when another judge would score the rest of it."""

from gepa_next.gepa.fingerprint import judge_fingerprint, metric_fingerprint
from gepa_next.metrics.choice import JUDGE, PROGRAM, asks_judge, described
from gepa_next.models import Job, JobSpec


def scoring_fingerprint(spec: JobSpec, judge_model_id: str) -> str:
    """Return a hash over everything that the scores of such a job depend on besides the outputs."""
    judge, metrics = judge_fingerprint(judge_model_id, spec.rubric), described(spec.metric)
    if all(each["name"] == JUDGE for each in metrics):
        return judge
    scored = [{**each, "url": spec.program_url} if each["name"] == PROGRAM else each for each in metrics]
    return metric_fingerprint(scored, judge if asks_judge(spec.metric) else None)


def find_other_scoring(job: Job, judge_model_id: str) -> str | None:
    """Return what is wrong if the judge model would give the job scores of another fingerprint, and what helps."""
    now = scoring_fingerprint(job.spec, judge_model_id)
    if now == job.judge.fingerprint:
        return None
    if job.judge.model_id != judge_model_id:
        what = f"the job is scored by {job.judge.model_id}, and the judge here is {judge_model_id}"
        advice = f"Set JUDGE_MODEL_ID={job.judge.model_id} and resume it, or send it again as a new job"
    else:
        what = f"the job is scored under the fingerprint {job.judge.fingerprint}, and here it would be {now}"
        advice = "Resume it with the version of gepa-next that it was begun with, or send it again as a new job"
    return f"{what}: such scores are not comparable, and are never mixed. {advice}."
