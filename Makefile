# The commands a newcomer types. `make demo` and `make test` set up everything they need in .venv.

PYTHON ?= python3
PIP = .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# Two processes of one thread each. "worksteal" gives each a stretch of consecutive tests, so that
# fixtures of a module are rarely built twice.
PYTEST = OMP_NUM_THREADS=1 .venv/bin/python -m pytest --quiet -n 2 --dist worksteal

.PHONY: demo test test-all test-pages fuzz lint docs package bench lock sbom audit clean faults soak

demo: .venv/demo
	.venv/bin/tcpformer lift assets/sample.mp4 --out out

test: .venv/test
	$(PYTEST) -m "not slow"

test-all: .venv/test
	$(PYTEST) --cov --cov-report=term:skip-covered

# The pages in a browser: those of the viewer, live use and the service.
test-pages: .venv/test
	OMP_NUM_THREADS=1 .venv/bin/python -m pytest --quiet -m slow -k "page or pages or viewer" tests/viz/viewer tests/serve

# Damaged files of every format; resumes where it stopped. SEED, INPUTS and JOBS may be given.
fuzz: .venv/test
	OMP_NUM_THREADS=1 nice -n 15 .venv/bin/python tests/fuzz/campaign.py \
		--inputs $(or $(INPUTS),1000000) --seed $(or $(SEED),1) --jobs $(or $(JOBS),2)

lint: .venv/lint
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/basedpyright

faults: .venv/test
	.venv/bin/python tests/faults/campaign.py
	OMP_NUM_THREADS=1 .venv/bin/python tests/faults/kills.py

# The service under jobs and live sockets, HOURS long (0.05 is three minutes): out/soak/soak.csv and .png.
soak: .venv/test
	.venv/bin/python benchmarks/serve.py --soak $(or $(HOURS),24)

docs: .venv/docs
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict --quiet --site-dir out/site

package: .venv/test
	.venv/bin/python tools/check_package.py

bench: .venv/test
	.venv/bin/python benchmarks/pipeline.py
	.venv/bin/python benchmarks/model.py table --rounds 2
	.venv/bin/python benchmarks/model.py growth memory --rounds 1
	.venv/bin/python benchmarks/training.py --rounds 2

# What the base install holds: each file by its sha256, a CycloneDX list, and known defects.
lock: out/audit
	(sed -n 1,3p requirements.lock; out/audit/bin/uv pip compile pyproject.toml -c constraints.txt --quiet \
		--python-version 3.11 --python-platform x86_64-unknown-linux-gnu \
		--generate-hashes --no-header --no-annotate) > out/requirements.lock
	mv out/requirements.lock requirements.lock

sbom: out/audit
	out/audit/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml \
		--output-reproducible --output-file out/sbom.json

audit: out/audit
	out/audit/bin/pip-audit --require-hashes --disable-pip -r requirements.lock

out/audit:
	$(PYTHON) -m venv out/audit
	out/audit/bin/pip install --quiet uv cyclonedx-bom pip-audit

clean:
	rm -rf .venv out dist

.venv/demo: pyproject.toml constraints.txt
	@echo "installing into .venv (ONNX Runtime, OpenCV, FFmpeg: a minute or two the first time)"
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	$(PIP) -e .
	touch $@

.venv/test: .venv/demo
	$(PIP) -e .[test]
	touch $@

.venv/lint: .venv/test
	$(PIP) -e .[test,lint]
	touch $@

.venv/docs: .venv/test
	$(PIP) -e .[test,docs]
	touch $@
