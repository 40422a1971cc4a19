"""Requests and streams against their peers, in one run: make bench-serve, or python -m benchmarks.serve.

--only routes|streams, --seconds for each measurement of streams.
"""

import argparse

from benchmarks.serve import fan_out, routes


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve")
    parser.add_argument("--only", choices=["routes", "streams"])
    parser.add_argument("--seconds", type=float, default=20.0)
    asked = parser.parse_args()
    if asked.only != "streams":
        routes.main()
    if asked.only != "routes":
        fan_out.compare(seconds=asked.seconds)


if __name__ == "__main__":
    main()
