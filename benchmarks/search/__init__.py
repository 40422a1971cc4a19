"""How good a prompt each optimiser returns for its rollouts, on simulated tasks of several kinds: make bench-search."""
