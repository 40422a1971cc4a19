"""Commands that talk to a server as any client does: they know the client and nothing else of the service."""

import argparse

from gepa_next.commands.bank import add_bank_commands
from gepa_next.commands.jobs import add_job_commands
from gepa_next.commands.optimize import add_optimize


def add_client_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add all of them."""
    add_optimize(commands)
    add_job_commands(commands)
    add_bank_commands(commands)
