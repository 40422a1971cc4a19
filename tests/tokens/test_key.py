"""The key of tickets is made once, and is the owner's alone."""

import pytest

from gepa_next.tokens.key import ticket_key


def test_a_key_is_made_once(tmp_path) -> None:
    path = tmp_path / "key"
    assert ticket_key(path) == ticket_key(path)
    assert len(ticket_key(path)) == 32
    assert path.stat().st_mode & 0o077 == 0
    assert [each.name for each in tmp_path.iterdir()] == ["key"]


@pytest.mark.parametrize(("text", "mode"), [("", 0o600), ("ab" * 31, 0o600), ("x" * 64, 0o600), ("ab" * 32, 0o644)])
def test_what_cannot_be_a_key_is_refused(tmp_path, text, mode) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(ValueError, match="key: "):
        ticket_key(path)
