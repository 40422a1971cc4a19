"""The settings of a server and of the commands on its machine."""

from gepa_next.config.settings import BACKLOG, SECRET, Settings, load_settings

__all__ = ["BACKLOG", "SECRET", "Settings", "load_settings"]
