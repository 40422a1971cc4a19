"""The same fan-out by others; these modules run in an environment of their own, build/peers."""
