"""The settings of a server and of the commands on its machine."""

from gepa_next.config.settings import BACKLOG, SECRET, ConfigurationError, Settings, load_settings

__all__ = ["BACKLOG", "SECRET", "ConfigurationError", "Settings", "load_settings"]
