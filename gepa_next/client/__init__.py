"""A client of the service: create a job, follow its events, fetch its results. It knows HTTP and nothing else.

with Client("http://127.0.0.1:8000", token="…") as client:
    job = client.optimize("Extract the order.", examples=[{"input": "…", "ideal": "…"}])
    for event in client.events(job.job_id):
        print(event.type, event.data)

Importing it starts nothing. docs/client.md has a page on it.
"""

from gepa_next.client.answers import (
    Activation,
    Artifact,
    Candidate,
    Example,
    Import,
    KnownRow,
    ParentComparison,
    PinnedPrompt,
    Quote,
    Retest,
    RoleCall,
    RowError,
    SmallestGain,
    StreamToken,
)
from gepa_next.client.client import Client
from gepa_next.client.comparisons import Compared, ComparedQuote, Comparison, ComparisonQuote, Difference, Latency
from gepa_next.client.errors import ClientError, NoServerError
from gepa_next.client.options import (
    ExampleOptions,
    ForkOptions,
    LimitOptions,
    OptimizeOptions,
    RetestOptions,
    TaskOptions,
)
from gepa_next.client.sniffing import FileError
from gepa_next.client.states import (
    Budget,
    Event,
    Fork,
    HeldOutTest,
    Job,
    JobError,
    Judge,
    Noise,
    Result,
    RetestOf,
    Usage,
    Warned,
)

__all__ = [
    "Activation",
    "Artifact",
    "Budget",
    "Candidate",
    "Client",
    "ClientError",
    "Compared",
    "ComparedQuote",
    "Comparison",
    "ComparisonQuote",
    "Difference",
    "Event",
    "Example",
    "ExampleOptions",
    "FileError",
    "Fork",
    "ForkOptions",
    "HeldOutTest",
    "Import",
    "Job",
    "JobError",
    "Judge",
    "KnownRow",
    "Latency",
    "LimitOptions",
    "NoServerError",
    "Noise",
    "OptimizeOptions",
    "ParentComparison",
    "PinnedPrompt",
    "Quote",
    "Result",
    "Retest",
    "RetestOf",
    "RetestOptions",
    "RoleCall",
    "RowError",
    "SmallestGain",
    "StreamToken",
    "TaskOptions",
    "Usage",
    "Warned",
]
