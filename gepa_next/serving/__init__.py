"""How gunicorn serves the application: its worker, what that waits for, how it leaves."""
