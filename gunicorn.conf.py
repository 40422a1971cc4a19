"""The packaged configuration, where gunicorn looks for it."""

from gepa_next.gunicorn_conf import *  # noqa: F403 - every name in it is a setting
