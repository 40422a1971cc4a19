"""Commands for whoever runs the server, on its own machine: they know its settings and its database file."""

import argparse

from gepa_next.operating.arguments import (
    add_judge_commands,
    add_proof_commands,
    add_token_commands,
    add_upkeep_commands,
    add_worker,
)


def add_operator_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add all of them but `serve`."""
    add_worker(commands)
    add_upkeep_commands(commands)
    add_proof_commands(commands)
    add_judge_commands(commands)
    add_token_commands(commands)
