"""Commands for whoever runs the server, on its own machine: they know its settings and its database file."""

import argparse

from gepa_next.operating.judge import add_judge_commands
from gepa_next.operating.proofs import add_proof_commands
from gepa_next.operating.tokens import add_token_commands
from gepa_next.operating.upkeep import add_upkeep_commands


def add_operator_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add all of them but `serve` and `worker`."""
    add_upkeep_commands(commands)
    add_proof_commands(commands)
    add_judge_commands(commands)
    add_token_commands(commands)
