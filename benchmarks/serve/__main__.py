"""Requests and streams against their peers, and what streams have to stand, in one run: make bench-serve.

Or python -m benchmarks.serve --only PART, --seconds for each measurement of streams; --soak MINUTES is alone.
"""

import argparse

from benchmarks.serve import fan_out, hardship, routes

PARTS = ("routes", "streams", "hardships", *hardship.HARDSHIPS)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serve")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--soak", type=int, metavar="MINUTES")
    asked = parser.parse_args()
    if asked.soak:
        hardship.soak(asked.soak)
        return
    if asked.only in {None, "routes"}:
        routes.main()
    if asked.only in {None, "streams"}:
        fan_out.compare(seconds=asked.seconds)
    if asked.only in {None, "hardships"}:
        hardship.stand(asked.seconds)
    if asked.only in hardship.HARDSHIPS:
        hardship.stand(asked.seconds, [asked.only])


if __name__ == "__main__":
    main()
