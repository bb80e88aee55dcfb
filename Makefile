# securerl: two commands matter, `make run` and `make test`. Both set up what they need first.

PRESET  ?= quick
BACKEND ?= auto
RUN     ?= runs/$(PRESET)
PEER    ?=
PORT    ?=
MINUTES ?= 30

# SIMD kernels of the pure-Go backend (amd64 only); one setting for every target, so that there is one build cache.
ifeq ($(shell go env GOARCH 2>/dev/null),amd64)
export GOEXPERIMENT = simd
endif

# Set by setup.sh: "xla" where the XLA CPU plugin and a C compiler are present.
TAGS = $$(cat .venv/gotags)
GO_PACKAGES = ./securerl/... ./experiments/...

.DEFAULT_GOAL := help
.PHONY: help setup xla cuda build run resume test check lint table doctor second bench soak figures lab notebooks test-browser golden results clean

help: ## this list
	@echo "securerl: reinforcement learning of correct and secure code, on two CPU cores"
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1|/' | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'
	@echo "  variables: PRESET=tiny|quick|full|tiny-hf|ppo-critic BACKEND=auto|go|xla:cpu|xla:cuda RUN=folder MINUTES=30"

setup: ## .venv from pinned hashes (Bandit, XLA plugin), Go modules
	@sh experiments/setup.sh

second: setup ## a second opinion beside Bandit: dlint, and ruff as a check of drift (doctor -agree)
	@.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: -r securerl/scan/requirements-second.txt

xla: setup ## the XLA CPU plugin into .venv (63 MB): part of setup

cuda: setup ## the XLA plugin for NVIDIA GPUs into .venv (2.5 GB); BACKEND=xla:cuda uses it
	@sh experiments/setup-cuda.sh

build: setup ## the programs, into bin/
	@mkdir -p bin && go build -tags "$(TAGS)" -o bin/ ./experiments/...

run: build ## the main job: base, SFT, PPO variants, evaluation, report (PRESET, BACKEND, RUN)
	@bin/pipeline -preset "$(PRESET)" -backend "$(BACKEND)" -out "$(RUN)"

resume: build ## go on with the run in RUN after it was stopped or killed
	@bin/pipeline -resume "$(RUN)"

test: setup ## every test on every backend present, then every cell of the notebooks
	@go test -tags "$(TAGS)" -timeout 30m $(GO_PACKAGES)
	@go run ./experiments/nb run

check: setup lint ## formatting, vet, staticcheck, revive, import directions, sizes, notebooks, README table
	@go test -tags "$(TAGS)" ./securerl
	@go run ./experiments/nb diff
	@go run ./experiments/nb check
	@$(MAKE) --no-print-directory table

lint: bin/staticcheck bin/revive
	@fmt=$$(gofmt -l securerl experiments); [ -z "$$fmt" ] || { echo "gofmt: run gofmt -w on:"; echo "$$fmt"; exit 1; }
	@go vet -tags "$(TAGS)" $(GO_PACKAGES)
	@bin/staticcheck -tags "$(TAGS)" $(GO_PACKAGES)
	@bin/revive -config .ci/revive.toml -set_exit_status $(GO_PACKAGES)

bin/staticcheck bin/revive: .ci/tools/go.mod
	@mkdir -p bin && cd .ci/tools && go build -o ../../bin/ tool && touch ../../bin/staticcheck ../../bin/revive

table: setup ## fail when the README's result table differs from testdata/results
	@go run -tags "$(TAGS)" ./experiments/runs table -check README.md testdata/results

results: setup ## write the README's result table and the table of hacks in securerl/reward/README.md again
	@go run -tags "$(TAGS)" ./experiments/runs table -write README.md testdata/results
	@go test -tags "$(TAGS)" ./securerl/reward -run Readme -update

doctor: build ## sandbox, interpreter, scanner, known programs and prices, hacks, backend: is this machine fit?
	@bin/doctor -backend "$(BACKEND)"

bench: build ## speed, as ratios measured side by side (PEER='command that prints the same JSON lines')
	@bin/bench -backend "$(BACKEND)" -peer "$(PEER)"
	@go test -tags "$(TAGS)" -run '^$$' -bench Rewards -benchtime 1x ./securerl/judge
	@go test -tags "$(TAGS)" -run '^$$' -bench Scanners -benchtime 10x ./securerl/scan
	@go test -tags "$(TAGS)" -run '^$$' -bench Child -benchtime 1000x ./securerl/sandbox
	@go test -tags "$(TAGS)" -run '^$$' -bench Start -benchtime 20x ./securerl/sandbox
	@go test -tags "$(TAGS)" -run '^$$' -bench Refill -benchtime 5x ./securerl/decoder

soak: build ## 100,000 programs, hostile ones among them, workers killed at random (MINUTES=30 at most)
	@bin/soak -minutes "$(MINUTES)"

figures: build ## every figure of RUN as SVG, CSV and PDF, for page and column, into out/figures
	@.venv/bin/python -c 'import typst' 2>/dev/null || .venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: -r notebooks/requirements-figures.txt
	@bin/figures -run "$(RUN)" -out out/figures

lab: setup ## JupyterLab on the notebooks, through the GoNB kernel (PORT=number chooses the port)
	@sh notebooks/setup.sh
	@PORT="$(PORT)" exec sh notebooks/lab.sh

notebooks: setup ## every notebook run through Jupyter without a browser: copies and offline pages under out/
	@sh notebooks/setup.sh
	@.venv/bin/python notebooks/run.py

test-browser: notebooks ## JupyterLab and the pages in Chromium: live charts, fallback pictures, no request to the outside
	@sh notebooks/browser/test.sh

golden: setup ## rewrite figure and text goldens (never numeric ones)
	@go test -tags "$(TAGS)" ./securerl/chart/... ./securerl/figure/... ./securerl/report/... -update

clean: ## remove .venv and bin (never runs)
	@rm -rf .venv bin
