"""The database file of the settings, opened for a command."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from gepa_next.config import load_settings
from gepa_next.errors import ConfigurationError, NoRoomError, StoreError, UnavailableError
from gepa_next.store.database import Database

GATE_TIMEOUT_S = 30.0


@contextmanager
def open_database() -> Iterator[Database]:
    """Yield the database of the settings; ConfigurationError if it is not there or cannot be used, or NoRoomError."""
    path = load_settings(require_auth=False, allow_insecure_bind=True).database_path
    if not path.exists():
        raise ConfigurationError(f"DATABASE_PATH: there is no {path.absolute()}")
    with naming(path):
        database = Database(path, gate_timeout_s=GATE_TIMEOUT_S)
    with closing(database):
        yield database


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn what is wrong with the file into an error that names it; NoRoomError where it may be mended by itself."""
    try:
        yield
    except NoRoomError as error:
        raise NoRoomError(f"DATABASE_PATH: {path}: {error}") from None
    except (StoreError, UnavailableError) as error:
        raise ConfigurationError(f"DATABASE_PATH: {path}: {error}") from None
