"""Settings of servers with real models that nobody asks anything, and what those models charge."""

from typing import Any

REAL: dict[str, Any] = {
    "llm_base_url": "http://127.0.0.1:9/v1",
    "target_model_default": "acme/small",
    "judge_model_id": "acme/judge",
    "reflection_model_id": "acme/large",
}
OPENAI: dict[str, Any] = {**REAL, "llm_base_url": "", "openai_api_key": "sk-canary"}
OPENROUTER: dict[str, Any] = {**REAL, "llm_base_url": "", "openrouter_api_key": "sk-canary"}
PRICES = {
    "acme/small": {"input": 1.0, "output": 4.0},
    "acme/judge": {"input": 2.0, "output": 8.0},
    "acme/large": {"input": 3.0, "output": 12.0},
}
ALL_BUT_LARGE = {name: price for name, price in PRICES.items() if name != "acme/large"}
LIMITED: dict[str, Any] = {"budget": {"max_cost_usd": 5}}
