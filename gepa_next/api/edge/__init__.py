"""What every request passes: its token, its rate, its body, its errors, and what the routes are given."""
