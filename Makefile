# Everything from a bare checkout, in an environment of its own (.venv). `make` alone lists the targets.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# Python 3.10 or newer; the environment is made with it.
PYTHON ?= python3
BIN := .venv/bin
STAMPS := .venv/stamps

# llama.cpp's command-line tools are of no use here and take two minutes. A CMAKE_ARGS of yours takes the place of this,
# and then no llama.cpp that pip built earlier with other options is taken: CMAKE_ARGS=-DGGML_CUDA=on make test
LLAMA_CMAKE_ARGS := -DLLAVA_BUILD=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF

# Lists that pyproject.toml holds on one line, each entry in quotes: no version is written twice.
listed = $(shell sed -n 's/^$(1) = \[\(.*\)\]$$/\1/p' pyproject.toml | tr ',' ' ')

# In a development installation (`make dev`) Python files are used where they are; only the core is built again.
EDITABLE := $(wildcard $(STAMPS)/editable)
PYTHON_SOURCES := $(sort $(shell find pysteer vectors -type f ! -name '*.pyc' ! -name '_core.*.*'))
SOURCES := CMakeLists.txt pyproject.toml README.md LICENSE $(sort $(wildcard csrc/*)) $(if $(EDITABLE),,$(PYTHON_SOURCES))

# pip without its lines for every single package; what it builds, loads and installs stays visible.
PIP = $(BIN)/python -m pip --disable-pip-version-check
PER_PACKAGE := Requirement already|Looking in|WARNING: Location|Processing|Collecting|Using cached|Obtaining|Preparing
PER_PACKAGE := $(PER_PACKAGE)|Created|Stored|Checking|Attempting|Found existing|Uninstalling|Successfully un|Installing coll
BRIEFLY = 2>&1 | awk '!/^ *($(PER_PACKAGE))/ { print; fflush() }'

.PHONY: help demo test dev lint format sanitize benchmark clean FORCE

help:
	@echo "make demo [MODEL=path.gguf]  a model, steered by a vector that is extracted on the spot, and what it cost"
	@echo "make test [ARGS=...]         the tests, on the installed package; ARGS go to pytest"
	@echo "make dev                     development installation: Python files used in place, tools for all below"
	@echo "make lint                    ruff, mypy --strict, clang-format; 'make format' repairs what can be"
	@echo "make sanitize                the native tests with address and undefined-behaviour sanitizers"
	@echo "make benchmark               speed against plain llama.cpp"
	@echo "make clean                   removes the environment and everything that was built"

demo: $(STAMPS)/package
	$(BIN)/pysteer demo $(if $(MODEL),"$(MODEL)")

test: $(STAMPS)/test
	$(BIN)/pytest $(ARGS)

benchmark: $(STAMPS)/test
	cd benchmarks && ../$(BIN)/python core.py $(ARGS)

# ------------------------------------------------------------------------------------------------ installation

$(STAMPS)/tools: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@mkdir -p $(STAMPS)
	@$(BIN)/python -c 'import importlib.metadata as m; m.version("llama-cpp-python")' 2> /dev/null \
	  || echo "Installing llama-cpp-python: the first time it compiles llama.cpp, which takes about 9 minutes on 2 cores."
	@CMAKE_ARGS="$${CMAKE_ARGS-$(LLAMA_CMAKE_ARGS)}" $(PIP) install $${CMAKE_ARGS:+--no-cache-dir} --progress-bar off \
	  cmake ninja $(call listed,requires) $(BRIEFLY)
	@touch $@

# A file that was removed leaves no newer file behind, so the list itself is a source.
$(STAMPS)/sources: FORCE
	@mkdir -p $(STAMPS)
	@printf '%s\n' $(SOURCES) | cmp -s - $@ || printf '%s\n' $(SOURCES) > $@

# Without build isolation: the same paths every time, so CMake builds again only what changed.
$(STAMPS)/package: $(STAMPS)/tools $(STAMPS)/sources $(SOURCES)
	@echo "Installing pysteer: the native core takes about a minute the first time."
	@$(PIP) install --no-build-isolation --progress-bar off $(if $(EDITABLE),--editable) '.[plot,card]' $(BRIEFLY)
	@touch $@

$(STAMPS)/test: $(STAMPS)/package
	@test $@ -nt pyproject.toml || $(PIP) install --progress-bar off $(call listed,test) $(BRIEFLY)
	@touch $@

$(STAMPS)/lint: $(STAMPS)/test
	@test $@ -nt pyproject.toml || $(PIP) install --progress-bar off $(call listed,lint) $(BRIEFLY)
	@touch $@

dev:
	@mkdir -p $(STAMPS) && touch $(STAMPS)/editable
	@$(MAKE) --no-print-directory $(STAMPS)/lint
	@echo "Ready: $(BIN)/pysteer, $(BIN)/pytest. After a change in csrc/ run 'make dev' again."

# ------------------------------------------------------------------------------------------------ checks

lint: $(STAMPS)/lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror csrc/*

format: $(STAMPS)/lint
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/clang-format -i csrc/*

# The package once more, with an instrumented core, found before the installed one (-S: a development installation would
# come first otherwise). Python itself is not instrumented: the sanitizer's library must be there before the core is, and
# leaks are not reported, because an interpreter never frees everything.
SANITIZE := build/sanitize
sanitize: $(STAMPS)/test
	@$(BIN)/cmake -S . -B $(SANITIZE) -G Ninja -DCMAKE_MAKE_PROGRAM="$$PWD/$(BIN)/ninja" -DCMAKE_BUILD_TYPE=RelWithDebInfo \
	  -DPYSTEER_SANITIZE=ON -DPYSTEER_WERROR=ON -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=OFF -DPython_EXECUTABLE="$$PWD/$(BIN)/python" \
	  -Dpybind11_DIR="$$($(BIN)/python -m pybind11 --cmakedir)" > /dev/null
	$(BIN)/cmake --build $(SANITIZE)
	@rm -rf $(SANITIZE)/package && mkdir $(SANITIZE)/package && cp -R pysteer $(SANITIZE)/package/
	@rm -f $(SANITIZE)/package/pysteer/_core.*.* && cp $(SANITIZE)/_core.*.* $(SANITIZE)/package/pysteer/
	SITE="$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"; \
	LIBRARIES="$$($${CXX:-c++} -print-file-name=libasan.so) $$($${CXX:-c++} -print-file-name=libstdc++.so)"; \
	env PYTHONPATH="$$PWD/$(SANITIZE)/package:$$SITE" LD_PRELOAD="$$LIBRARIES" PYTHONMALLOC=malloc \
	  ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=8 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
	  $(BIN)/python -S $(BIN)/pytest tests/native $(ARGS)

clean:
	rm -rf .venv build/cp3* $(SANITIZE) dist out pysteer/_core.*.* .pytest_cache .mypy_cache .ruff_cache .hypothesis
