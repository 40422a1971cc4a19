"""The settings of a server and of the commands on its machine."""

from gepa_next.config.settings import SECRET, ConfigurationError, Settings, load_settings

__all__ = ["SECRET", "ConfigurationError", "Settings", "load_settings"]
