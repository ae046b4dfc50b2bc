# Thin names over CMake presets (CMakePresets.json) and scripts/. `make` prints the list.
# `make demo` and `make test` are all that a fresh Debian 12 or Ubuntu 24.04 needs: they install their system packages.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help deps build demo test dev check install test-clients soak bench fuzz mutants parity test-web asan tsan format lint cross-aarch64 clean

JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
DESTDIR ?=
FUZZ_SECONDS ?= 60
MODEL ?= models/starter
FULL ?= 0
PEERS ?= 0
CLIENT ?=
MINUTES ?= 30
NAME ?=
RESUME ?=

help: ## print this list
	@echo "glm-ocr.cpp: make TARGET"; echo
	@awk -F ':.*## ' '/^[a-z0-9 -]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install the system packages that building and testing need (root or sudo)
	@scripts/install_deps.sh test

# GLMOCR_TESTS is said again because a tree that `make demo` configured first has them off.
build: ## build everything, Release, into build/release
	@scripts/install_deps.sh test
	@cmake --preset release -DGLMOCR_TESTS=ON
	@cmake --build --preset release -j $(JOBS)

demo: ## install what it needs, build, and read samples/report.pdf with the bundled model
	@scripts/install_deps.sh build
	@scripts/demo.sh "$(MODEL)" "$(JOBS)"

test: build ## install what it needs, build everything, run every test
	@ctest --preset release -j $(JOBS)

dev: ## configure a Release tree with tests and compile_commands.json for editors, build nothing
	@scripts/install_deps.sh test
	@cmake --preset release -DGLMOCR_TESTS=ON
	@ln -sfn build/release/compile_commands.json compile_commands.json

check: ## build and run the tests whose names match (T=Engine.Deadline, T=cli.doctor)
	@test -n "$(T)" || { echo "make check T=NAME, as in T=Engine.Deadline or T=cli.doctor" >&2; exit 2; }
	@test -d build/release || $(MAKE) --no-print-directory dev
	@scripts/check.sh build/release "$(T)" "$(JOBS)"

test-clients: build ## run other projects' clients and schemathesis against the server (PyPI; CLIENT=name: only those)
	@scripts/install_deps.sh parity
	@scripts/test_clients.sh build/release "$(CLIENT)"

soak: build ## load on the server: connections, short requests, streams (MINUTES=30)
	@python3 benchmarks/server_load.py build/release/src/cli/glm-ocr . --minutes "$(MINUTES)"

install: ## build and install program, library and headers (PREFIX=/usr/local DESTDIR=)
	@scripts/install_deps.sh build
	@cmake --preset release -DGLMOCR_TESTS=OFF -B build/install -DCMAKE_INSTALL_PREFIX="$(PREFIX)" >/dev/null
	@cmake --build build/install -j $(JOBS)
	@DESTDIR="$(DESTDIR)" cmake --install build/install --strip

bench: build ## measure every stage and kernel against this machine's own peaks (PEERS=1: transformers too)
	@scripts/bench.sh build/release "$(PEERS)"

fuzz: ## fuzz every parser from its seed corpus (FUZZ_SECONDS=60 for each)
	@scripts/install_deps.sh fuzz
	@scripts/fuzz.sh "$(FUZZ_SECONDS)" "$(JOBS)"

mutants: ## plant 60 bugs, one after the other: do the unit tests see them? (NAME="a b": only those; RESUME=1: go on)
	@scripts/install_deps.sh test
	@python3 scripts/mutants.py --jobs "$(JOBS)" $(if $(NAME),--only $(NAME)) $(if $(RESUME),--resume)

parity: build ## compare with transformers, intermediate by intermediate (FULL=1: the published sizes)
	@scripts/install_deps.sh parity
	@scripts/parity.sh build/release "$(FULL)"

test-web: build ## test the web page in a real Chromium
	@scripts/install_deps.sh web
	@scripts/test_web.sh build/release

asan tsan: ## build and run the unit tests under AddressSanitizer + UBSan, or ThreadSanitizer
	@scripts/install_deps.sh test
	@cmake --preset $@ >/dev/null && cmake --build --preset $@ -j $(JOBS) && ctest --preset $@ -j $(JOBS)

cross-aarch64: ## compile base, tensor and kernels for 64-bit Arm (compile only)
	@scripts/install_deps.sh cross
	@cmake --preset cross-aarch64 >/dev/null && cmake --build --preset cross-aarch64 -j $(JOBS)

format: ## rewrite our C++ with clang-format
	@scripts/install_deps.sh lint
	@scripts/lint.sh --fix-format

lint: ## clang-format check, include order, repository rules, clang-tidy (BASE=rev: only files changed since)
	@scripts/install_deps.sh lint
	@scripts/lint.sh $(if $(BASE),--since $(BASE))

clean: ## delete build/
	@rm -rf build
