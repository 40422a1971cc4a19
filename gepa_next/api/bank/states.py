"""What the example bank looks like from outside."""

from pydantic import BaseModel, JsonValue


class ExampleState(BaseModel):
    """An example of the bank."""

    id: str
    input: str
    ideal: str | None
    tags: list[str]
    meta: dict[str, JsonValue]
    created_at: float


class ExamplePage(BaseModel):
    """A page of examples, by id."""

    items: list[ExampleState]
    next_cursor: str | None


class RowError(BaseModel):
    """A row that could not be used, and why."""

    row: int
    path: str
    message: str


class KnownRow(BaseModel):
    """A row whose content the bank held already, and the id it has."""

    row: int
    id: str


class ImportState(BaseModel):
    """What became of the rows; of those left out, and of those that the bank held already, the first ones are told."""

    upserted: int
    duplicates: int
    left_out: int
    errors: list[RowError]
    first_duplicates: list[KnownRow]
