"""Pinned prompts of which the simulated target learns what to answer, and examples of the bank that tell them apart."""

from tests.support.programs import TEAMS
from tests.support.service import Service

DESK = "/v1/prompts/desk"
TOPICS = list(TEAMS)


def prompt_for(*topics: str) -> str:
    """Return a prompt of which the simulated target learns those topics."""
    rules = [f'If the message mentions "{topic}", answer "{TEAMS[topic]}".' for topic in topics]
    return "\n".join(["Which team should take it?", *rules])


def message(topic: str, number: int = 0) -> dict[str, str]:
    return {"id": f"{topic}-{number}", "input": f"Ticket {number}: the {topic} of Monday.", "ideal": TEAMS[topic]}


def bank(client, *examples) -> None:
    assert client.post("/v1/examples", json=list(examples)).json["errors"] == []


def pin(service: Service, prompt: str | None, **changes: object) -> str:
    """Pin the seed prompt of a small job of its own, and return the job's id."""
    examples = [message(topic, 99) for topic in TOPICS]
    given = {"prompt": prompt, "examples": examples, "metric": "exact_match", "budget": {"target_score": 0.0}}
    job_id = service.create(**{**given, **changes})
    service.run(job_id)
    answer = service.client().put(DESK, json={"job_id": job_id, "candidate_id": 0})
    assert answer.status_code == 201, answer.text
    return job_id
