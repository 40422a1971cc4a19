"""The application for `gunicorn -c gunicorn.conf.py wsgi:app`."""

from gepa_next.app import create_app_from_environment

app = create_app_from_environment()
