"""The tokens that are good now: those of the settings, and those of a file, which is read again when it changes."""

import logging
import threading
import time
from collections.abc import Callable, Container, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from gepa_next.tokens.lines import Token, line_of, read_lines
from gepa_next.tokens.private_file import State, read_private, state_of, write_private

log = logging.getLogger(__name__)


class TokenBook:
    """For any thread. A file that cannot be used changes nothing: what it last said stays, also over a restart.

    For that it is kept in `copy`, digests instead of tokens. Without one, a file that cannot be used lets nobody in.
    """

    def __init__(
        self,
        fixed: Iterable[Token] = (),
        *,
        path: Path | None = None,
        copy: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._fixed = {each.digest: each for each in fixed}
        self._path = path
        self._copy = copy
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: State | None = None if path is None else ()
        self._has_read = False
        self._known: Mapping[str, Token] = self._fixed
        self.problem = ""
        self.look()

    @property
    def has_file(self) -> bool:
        """Whether there is a file of tokens."""
        return self._path is not None

    def file_is_unusable(self) -> bool:
        """Say whether the file, as it is now, cannot be used."""
        self.look()
        return bool(self.problem)

    def find(self, digest: str) -> Token | None:
        """Return the token of that digest, None if there is none or its time is over."""
        self.look()
        token = self._known.get(digest)
        return token if token is not None and self._clock() < token.expires_at else None

    def lets(self, digest: str, *, owner: str, scope: str) -> bool:
        """Say whether the token of that digest is still this owner's, and may do this."""
        token = self.find(digest)
        return token is not None and token.owner == owner and scope in token.scopes

    def digests(self) -> list[str]:
        """Return the digests of all tokens that are good now."""
        self.look()
        now = self._clock()
        return [each.digest for each in self._known.values() if now < each.expires_at]

    def look(self) -> None:
        """Read the file if it is another than the last time; who comes while that is done takes what there was."""
        if self._path is None or _state(self._path) == self._seen or not self._lock.acquire(blocking=False):
            return
        try:
            self._seen = _state(self._path)  # of before, so that a change meanwhile is seen the next time
            self._take(read_tokens(self._path, taken=self._fixed))
        except (OSError, ValueError) as error:
            if not self._has_read:
                self._know(self._kept())
            self._complain(error)
        finally:
            self._lock.release()

    def _take(self, tokens: tuple[Token, ...]) -> None:
        self._know(tokens)
        self._has_read = True
        self.problem = ""
        log.info("%d tokens read from %s", len(tokens), self._path)
        if self._copy is not None:
            self._keep(self._copy, tokens)

    def _know(self, tokens: Iterable[Token]) -> None:
        self._known = {**self._fixed, **{each.digest: each for each in tokens}}

    def _complain(self, error: OSError | ValueError) -> None:
        self.problem = said(error)
        log.error("the tokens in use stay as they were: %s: %s", self._path, self.problem)

    def _keep(self, copy: Path, tokens: tuple[Token, ...]) -> None:
        text = "\n".join([self._origin, *map(line_of, tokens), ""])
        with suppress(OSError, ValueError):
            if read_private(copy)[0] == text:
                return
        try:
            write_private(copy, text, over=True)
        except OSError as error:
            log.warning("the tokens cannot be kept in %s: %s", copy, said(error))
            with suppress(OSError):
                copy.unlink(missing_ok=True)  # an older one would let in who has been taken out since

    def _kept(self) -> tuple[Token, ...]:
        """Return what the file last said, nothing if that is not known."""
        with suppress(OSError, ValueError):
            text = read_private(self._copy)[0] if self._copy is not None else ""
            if text.split("\n", 1)[0] == self._origin:
                return read_lines(text, taken=self._fixed)
        return ()

    @property
    def _origin(self) -> str:
        return f"# kept from {self._path and self._path.absolute()}"


def read_tokens(path: Path, *, taken: Container[str] = ()) -> tuple[Token, ...]:
    """Return the tokens of a file that is nobody else's to read; OSError or ValueError says what is wrong with it."""
    return read_lines(read_private(path)[0], taken=taken)


def _state(path: Path) -> State | None:
    try:
        return state_of(path.stat())
    except OSError:
        return None


def said(error: OSError | ValueError) -> str:
    """Return what is wrong, without the path."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
