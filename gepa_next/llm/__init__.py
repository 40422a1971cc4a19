"""Language models: one HTTP client for OpenAI-compatible endpoints, and the simulator."""
