# SPDX-License-Identifier: MIT
# A thin front of Meson, and of the scripts in tools/. `make help` lists what there is.
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
CC ?= cc
MESON_FLAGS ?=
PYTHON = /usr/bin/python3
export BUILD

.PHONY: all deps deps-build test test-all soak bench fuzz tidy install uninstall deb demo clean help

all: $(BUILD)/build.ninja ## build the library, the command and the service
	@ninja -C $(BUILD) --quiet

$(BUILD)/build.ninja: | deps-build
	@meson setup --prefix=$(PREFIX) $(MESON_FLAGS) $(BUILD)

deps: ## install the Debian packages that are missing, for build, demo, tests and benchmarks
	@tools/deps

deps-build:
	@tools/deps build

demo: ## two real guests get a network and lose it again; HOST=1: on this machine's own network, with a terminal in one
	@[ "$$(id -u)" -eq 0 ] || { echo "make demo: needs root, for namespaces and interfaces: sudo make demo$(if $(HOST), HOST=1)"; exit 1; } >&2
	@tools/deps build demo
	@$(MAKE) --no-print-directory all
	@TAPNET_BUILD=$(BUILD) tools/demo $(if $(HOST),--host)

test: ## the tests, of the longest suites a sample, in builds by gcc and clang and with sanitizers; or some: make test SUITES="unit guest"
	@tools/deps build demo test
	@tools/run-tests $(SUITES)

test-all: ## the same, and what takes longer: clang-tidy, fuzzing, a Debian that boots, and the whole of what is a sample there
	@tools/deps
	@tools/run-tests --long $(SUITES)

soak: ## plug CYCLES (100,000) guests in and out, then networks up and down, some killed, for SECONDS (600) and ROUNDS (500)
	@tools/deps build demo test
	@$(MAKE) --no-print-directory all
	@TAPNET_BUILD=$(BUILD) $(PYTHON) -u tests/tools/soak.py --cycles $(or $(CYCLES),100000) --seconds $(or $(SECONDS),600) --rounds $(or $(ROUNDS),500)

bench: ## the ratios that the README promises
	@tools/deps build bench
	@$(MAKE) --no-print-directory all
	@TAPNET_BUILD=$(BUILD) bench/run

fuzz: ## look for crashes in each parser for SECONDS (default 60)
	@tools/deps build test
	@tools/run-fuzz $(or $(SECONDS),60)

tidy: all ## clang-tidy; takes minutes
	@tools/check-tidy $(BUILD)

install: all ## install below PREFIX (default /usr/local), for packages below DESTDIR
	@DESTDIR=$(DESTDIR) meson install --no-rebuild -C $(BUILD)

uninstall: ## remove what `make install` installed
	@ninja -C $(BUILD) uninstall

deb: ## a Debian package of the working tree
	@tools/deps build deb
	@tools/make-deb

clean: ## remove everything that was built, the guests' kernel and disk excepted
	@rm -rf build-asan build-clang build-fuzz build-deb
	@if [ -d $(BUILD) ]; then find $(BUILD) -mindepth 1 -maxdepth 1 ! -name guest ! -name debian -exec rm -rf {} +; fi

help: ## this text
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
