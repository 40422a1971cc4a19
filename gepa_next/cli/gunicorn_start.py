"""gunicorn, as a program that Ctrl-C ends without a trace before it is up and takes signals itself."""

from gepa_next.cli import leave_at_once

if __name__ == "__main__":
    leave_at_once()
    from gunicorn.app.wsgiapp import run

    run(prog="gunicorn")
