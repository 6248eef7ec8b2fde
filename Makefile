# What a newcomer types. Every verb installs what it needs by Debian package names.
.DEFAULT_GOAL := help
.PHONY: help run demo test simulate kills fuzz bench dist test-dist lint install-agent install-controller

help: ## Say what there is
	@echo "Tollkeeper: counts what VPN clients send and receive, and opens or shuts their access."
	@echo
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | \
		sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 28

run: ## Build, start a controller and an agent on this host, and meter what it has
	@scripts/install-packages run
	@scripts/run

demo: ## The same with a generated VPN, clients and traffic, apart from this host's own
	@scripts/install-packages demo
	@scripts/demo

test: ## Lint, build and run every test (as root: tests make network namespaces)
	@scripts/install-packages test
	@scripts/lint
	@scripts/test

simulate: ## Look for faults that break a promise: SEEDS=N, TIME=SECONDS, or SEED=N to replay one
	@scripts/install-packages build
	@SEED="$(SEED)" SEEDS="$(SEEDS)" TIME="$(TIME)" FIRST="$(FIRST)" scripts/simulate

kills: ## Kill both programs KILLS=500 times, and cut the guest's power CUTS=10 times
	@scripts/install-packages test
	@KILLS="$(KILLS)" CUTS="$(CUTS)" SEED="$(SEED)" scripts/kills

fuzz: ## Give every decoder random bytes, SECONDS=60 for each; TARGETS="push json" names some
	@scripts/install-packages fuzz
	@SECONDS_EACH="$(SECONDS)" TARGETS="$(TARGETS)" scripts/fuzz

bench: ## Measure both programs beside the best there is; ONLY="agent" runs a part
	@scripts/install-packages bench
	@ONLY="$(ONLY)" scripts/bench

dist: ## Make the tarball for hosts without Swift, in .build
	@scripts/install-packages build
	@scripts/dist

test-dist: ## Install that tarball on a bare Debian and run it there; TARBALL=FILE takes that one
	@scripts/install-packages dist
	@TARBALL="$(TARBALL)" scripts/test-dist

lint: ## Check the format of every source file
	@scripts/install-packages lint
	@scripts/lint

install-agent: ## Build the agent and install it with its unit: on a VPN host
	@scripts/install-packages build
	@DESTDIR="$(DESTDIR)" scripts/install agent

install-controller: ## Build the controller and install it with its unit
	@scripts/install-packages build
	@DESTDIR="$(DESTDIR)" scripts/install controller
