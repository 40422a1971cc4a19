"""The packaged demonstration: example data and the program behind `make demo`."""
