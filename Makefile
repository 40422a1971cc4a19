# `make` is what CI runs; `make demo` shows the service at work; `make test` runs the tests.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: all lint types contracts test demo real-demo real-replies real-injections bench bench-page pictures bench-serve bench-cluster bench-search bench-truth bench-clock bench-noise bench-import bench-sizing e2e-servers crash crash-mutants fuzz format clean boot prometheus-check

all: lint types contracts test

# Two environments: one that only runs the service, one with the development tools.
$(VENV)/.installed: requirements.txt setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable .
	touch $@

$(VENV)/.dev-installed: $(VENV)/.installed
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

lint: $(VENV)/.dev-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev-installed
	$(BIN)/mypy

contracts: $(VENV)/.dev-installed
	$(BIN)/lint-imports

# Three processes on two cores: many tests wait for servers. The modules with the longest tests come first, as they stand.
test: $(VENV)/.dev-installed
	$(BIN)/pytest --numprocesses 3 --dist loadscope --no-loadscope-reorder

# What docs/deploy has for Prometheus, by promtool and a real one; with Debian's package prometheus installed.
prometheus-check: $(VENV)/.dev-installed
	$(BIN)/pytest tests/prometheus -rs

demo: $(VENV)/.installed
	$(BIN)/python -m gepa_next.demo

# A job on real models: make real-demo TARGET_URL=http://… REFLECTION_URL=http://… DATA=examples.jsonl
real-demo: $(VENV)/.installed
	$(BIN)/python -m benchmarks.real_demo --target-url "$(TARGET_URL)" --reflection-url "$(REFLECTION_URL)" --data "$(DATA)" $(ARGS)

# What a real model writes as judge and reflector: make real-replies URL=http://… DATA=examples.jsonl
real-replies: $(VENV)/.installed
	$(BIN)/python -m benchmarks.real_replies --url "$(URL)" --data "$(DATA)" $(ARGS)

# What a wrong answer gains by talking to a real judge: make real-injections URL=http://… DATA=examples.jsonl
real-injections: $(VENV)/.installed
	$(BIN)/python -m benchmarks.real_injections --url "$(URL)" --data "$(DATA)" $(ARGS)

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks.serve --only routes
	$(BIN)/python -m benchmarks.engine
	$(BIN)/python -m benchmarks.durability
	$(BIN)/python -m benchmarks.recovery
	$(BIN)/python -m benchmarks.calls
	$(BIN)/python -m benchmarks.big_job

# Streams against those of other servers, which are installed beside and never imported by the product. Debian's
# redis-server, nginx-light and libnginx-mod-nchan are measured where they are installed.
build/peers/.installed:
	$(PYTHON) -m venv build/peers
	build/peers/bin/pip install --quiet 'uvicorn[standard]==0.54.0' sse-starlette==3.7.0 Flask-SSE==1.0.0 Flask==3.1.3 'gunicorn[gevent]==27.0.1' gevent==26.9.0
	touch $@

bench-serve: $(VENV)/.installed build/peers/.installed
	$(BIN)/python -m benchmarks.serve $(ARGS)

# The page of a big job in Chromium, which has to be installed.
bench-page: $(VENV)/.dev-installed
	$(BIN)/python -m benchmarks.page

# What a Dask cluster takes off the box.
bench-cluster: $(VENV)/.dev-installed
	$(BIN)/python -m benchmarks.cluster

# Our search against the reference implementation, which is installed beside and never imported by the product.
build/reference/.installed:
	$(PYTHON) -m venv build/reference
	build/reference/bin/pip install --quiet gepa==0.1.4
	touch $@

# The pictures of docs/page.md.
pictures: $(VENV)/.dev-installed
	$(BIN)/python -m benchmarks.pictures

bench-search: $(VENV)/.installed build/reference/.installed
	$(BIN)/python -m benchmarks.search --kind reported --seeds 24 --out docs/benchmarks $(ARGS)

# The same two against the clock, with models that take time.
bench-clock: $(VENV)/.installed build/reference/.installed
	$(BIN)/python -m benchmarks.search.clock --kind reported --seeds 8 --out docs/benchmarks $(ARGS)

# What it is worth to count the judge's noise in acceptance, by margin (minutes).
bench-noise: $(VENV)/.installed
	$(BIN)/python -m benchmarks.noise $(ARGS)

# A hundred thousand examples into the bank and out of it, from the command line.
bench-import: $(VENV)/.installed
	$(BIN)/python -m benchmarks.importing $(ARGS)
	$(BIN)/python -m benchmarks.import_stretches

# What a machine must have: memory, database, disk and CPU (two minutes).
bench-sizing: $(VENV)/.installed
	$(BIN)/python -m benchmarks.sizing

# Verdicts and intervals where the truth is known, on the real engine (minutes).
bench-truth: $(VENV)/.installed
	$(BIN)/python -m benchmarks.truth $(ARGS)

# The end-to-end tests under other servers: threads, two web processes, and behind nginx with the shipped site (minutes each).
e2e-servers: $(VENV)/.dev-installed
	GUNICORN_CMD_ARGS="-k gthread --threads 64" $(BIN)/pytest --numprocesses 3 --dist loadscope tests/e2e
	GUNICORN_CMD_ARGS="-w 2" $(BIN)/pytest --numprocesses 3 --dist loadscope tests/e2e
	TEST_BEHIND_NGINX=1 $(BIN)/pytest --numprocesses 3 --dist loadscope tests/e2e

# Kills and freezes by the hundred, and the nine design mistakes that must be caught (minutes each).
crash: $(VENV)/.dev-installed
	$(BIN)/python -m tests.crash.many $(ARGS)

crash-mutants: $(VENV)/.dev-installed
	$(BIN)/python -m tests.crash.catch

# Made-up texts, lives of jobs and requests by the ten thousand (minutes each): make fuzz CASES=300 ARGS="--cases 50"
CASES ?= 2000
SECONDS ?= 120
fuzz: $(VENV)/.dev-installed
	FUZZ_CASES=$(CASES) $(BIN)/pytest tests/fuzz
	$(BIN)/python -m tests.fuzz.coverage_guided --seconds $(SECONDS)
	$(BIN)/python -m tests.fuzz.api $(ARGS)

# The server boots from requirements.txt alone, without the development packages.
boot:
	$(PYTHON) -m venv $(VENV)-boot
	$(VENV)-boot/bin/pip install --quiet -r requirements.txt
	$(VENV)-boot/bin/python tests/boot.py

format: $(VENV)/.dev-installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(VENV)-boot build dist *.egg-info .mypy_cache .ruff_cache
