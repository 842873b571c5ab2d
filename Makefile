SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

PLUGIN := vault-plugin-secrets-processmaker
COVERAGE_MIN ?= 85
FUZZTIME ?= 10s
# The acceptance tests that are run with Passport 13 too; "." are all.
PASSPORT13_RUN ?= ^Test(Creds|Renew|Revoke|PersonalToken|StaticCreds|SignIn|Import|DisablingTheMount|TidyEnds|RotateRole|ConsumersHold|NoSecret|Chaos$$)
# The version of Laravel Passport that the tests and the demo talk to; 12 without it.
export PROCESSMAKERTEST_PASSPORT := $(PASSPORT)
# The acceptance tests that are run with older Vault servers and with OpenBao
# too; "." are all.
COMPAT_RUN ?= ^Test(Creds|Renew|Revoke|PersonalToken|StaticCreds|Cluster)

# Not stamped from git: the version is in the source, and a checkout owned by
# another user must build too.
export GOFLAGS := -buildvcs=false $(filter-out -buildvcs=%,$(GOFLAGS))
# The tools of this repository are modules of their own.
export GOWORK := off

# The race detector needs cgo and a C compiler; without them the tests still run.
RACE = $(shell [ "$$(go env CGO_ENABLED)" = 1 ] && command -v $$(go env CC) >/dev/null && echo -race)
RACE_NOTE = if [ -z "$(RACE)" ]; then echo "NOTE: no C compiler, so without the race detector"; fi

STEP := scripts/step.sh

.PHONY: help
help:
	@awk -F ':.*## ' '/^##@ / { printf "%s%s\n", blank, substr($$0, 5); blank = "\n" } \
		/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "Variables"
	@echo "  PASSPORT=13       the tests and the demo use a ProcessMaker with Laravel Passport 13"
	@echo "  VAULT_BIN=<path>  the Vault server to use; without it, a vault of the PATH, or one that is built once"

##@ Try it

.PHONY: demo
demo: build ## issue, renew and revoke tokens through a real Vault, and find their readers
	@scripts/demo.sh

.PHONY: dev
dev: build ## run Vault and the ProcessMaker double, configured, until Ctrl-C
	@scripts/dev.sh

##@ Build

.PHONY: build
build: ## build the static plugin binary into bin/
	@$(STEP) "build bin/$(PLUGIN)" env CGO_ENABLED=0 go build -trimpath -o bin/$(PLUGIN) .

.PHONY: generate
generate: ## write the generated files: test/testdata/openapi.json, the tables of docs/api.md, docs/messages.md, the stored forms
	@$(STEP) "OpenAPI and the tables of docs/api.md" go test -count=1 -run '^Test(OpenAPI|APIPage)' . -update
	@$(MAKE) --no-print-directory messages
	@$(STEP) "the stored forms of this version" env UPDATE_UPGRADE_FILES=1 go test -count=1 -run '^TestTheStoredFormIsKept$$' .

.PHONY: messages
messages: ## write the list of every message and help text into docs/messages.md
	@$(STEP) "docs/messages.md" go test -count=1 -run '^TestTheMessagesPageIsComplete$$' ./docs -update

.PHONY: fmt
fmt: ## format the Go files
	@scripts/lint-tool.sh goimports -w .

.PHONY: clean
clean: ## remove the built files (not the cached Vault server)
	@rm -rf bin dist

##@ Test

.PHONY: unit
unit: ## unit tests with the race detector, and their coverage (a second run is cached)
	@$(RACE_NOTE)
	@mkdir -p bin
	@# A profile beside the sources would keep Go from answering from its test cache.
	@$(STEP) "unit tests" scripts/gotest.sh $(RACE) -timeout 20m -coverpkg=.,./client,./engine/...,./internal/... -coverprofile=bin/coverage.out \
		$$(go list ./... | grep -v '/acceptance$$')
	@$(STEP) "the image of a release" go -C tools/image test ./...
	@if [ -n "$(RACE)" ]; then $(STEP) "allocations without the race detector" scripts/gotest.sh -count=1 -run '^TestAllocations' .; fi
	@$(STEP) "coverage" scripts/coverage.sh bin/coverage.out $(COVERAGE_MIN)
	@$(STEP) "unit tests with Passport 13" env PROCESSMAKERTEST_PASSPORT=13 scripts/gotest.sh $(RACE) -timeout 20m . ./client ./scripts/authorize

.PHONY: lint
lint: ## vet, staticcheck, vulnerabilities, format, words, tidy modules, generated files
	@$(STEP) "vet" go vet ./...
	@$(STEP) "vet of the tools" sh -c 'go -C tools/terraform vet ./... && go -C tools/image vet ./...'
	@$(STEP) "staticcheck" scripts/lint-tool.sh staticcheck ./...
	@$(STEP) "known vulnerabilities" scripts/vulncheck.sh
	@$(STEP) "format" scripts/check-fmt.sh
	@$(STEP) "words" go test ./test/architecture -run 'Clumsy'
	@$(STEP) "every go.mod and go.sum is tidy" scripts/check-tidy.sh
	@$(STEP) "generated files" go test . ./docs -run '^Test(OpenAPI|APIPage|TheStoredFormIsKept|TheMessagesPageIsComplete)'

.PHONY: test
test: lint unit $(if $(filter true 1,$(CI)),fuzz) demo-check reproducible acceptance passport13 compat ## all checks and tests (with CI=true the fuzz targets too)
	@echo "==> all passed"

.PHONY: demo-check
demo-check: build
	@$(STEP) "demo" scripts/demo.sh
	@$(STEP) "demo with Passport 13" env PROCESSMAKERTEST_PASSPORT=13 scripts/demo.sh

# acceptance_tests NAME,ARGUMENTS,PACKAGES runs tests through a real Vault.
define acceptance_tests
	@$(RACE_NOTE)
	@vault=$$(scripts/vault-bin.sh); \
	ACCEPTANCE_VAULT_BIN="$$vault" ACCEPTANCE_PLUGIN_BIN="$(CURDIR)/bin/acceptance/$(PLUGIN)" \
		$(STEP) "$(1) with $$vault" scripts/gotest.sh $(RACE) -count=1 $(2) $(3)
endef

.PHONY: acceptance
acceptance: acceptance-plugin ## tests through a real Vault server
	$(call acceptance_tests,acceptance tests,-timeout 40m,./test/acceptance/... ./test/bench/)

.PHONY: passport13
passport13: export PROCESSMAKERTEST_PASSPORT := 13
passport13: acceptance-plugin ## the main acceptance tests with a ProcessMaker on Laravel Passport 13
	$(call acceptance_tests,acceptance tests with Passport 13,-timeout 30m -run '$(PASSPORT13_RUN)',./test/acceptance/...)

.PHONY: compat
compat: acceptance-plugin ## the main acceptance tests with Vault 1.19, and with the OpenBao of ACCEPTANCE_OPENBAO_BIN
	@openbao=$${ACCEPTANCE_OPENBAO_BIN:-}; \
	[ -n "$$openbao" ] || echo "NOTE: ACCEPTANCE_OPENBAO_BIN is not set, so without OpenBao"; \
	for server in tools/vault-* $$openbao; do \
		vault=$$server; [ ! -d "$$server" ] || vault=$$(scripts/vault-bin.sh "$$server"); \
		ACCEPTANCE_VAULT_BIN="$$vault" ACCEPTANCE_PLUGIN_BIN="$(CURDIR)/bin/acceptance/$(PLUGIN)" \
			$(STEP) "acceptance tests with $$vault" scripts/gotest.sh $(RACE) -count=1 -timeout 30m -run '$(COMPAT_RUN)' ./test/acceptance/...; \
	done

.PHONY: acceptance-plugin
acceptance-plugin:
	@$(STEP) "build the plugin for the acceptance tests" go build $(RACE) -o bin/acceptance/$(PLUGIN) .

.PHONY: chaos
chaos: export CHAOS := long
chaos: acceptance-plugin ## the long run of kills and outages under load (CHAOS_SEED=<n> repeats a run)
	$(call acceptance_tests,chaos tests,-timeout 90m -run '^TestChaos$$',./test/acceptance/...)

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME (10s)
	@$(STEP) "fuzz targets, $(FUZZTIME) each" scripts/fuzz.sh $(FUZZTIME)

.PHONY: reproducible
reproducible:
	@$(STEP) "two builds are equal" scripts/release-check.sh "$$(go env GOOS)/$$(go env GOARCH)"

##@ Measure

BENCH_ARGUMENTS ?= -page docs/performance.md

.PHONY: bench
bench: bench-programs ## measure and write docs/performance.md (half an hour)
	@$(STEP) "handlers in process" go test -run '^$$' -bench 'Handlers|Heap' -benchmem -timeout 20m . | tee bin/bench/handlers.txt
	@vault=$$(scripts/vault-bin.sh); \
	$(STEP) "through Vault" bin/bench/bench -vault "$$vault" -handlers bin/bench/handlers.txt $(BENCH_ARGUMENTS)

.PHONY: bench-programs
bench-programs:
	@$(STEP) "build what is measured" env CGO_ENABLED=0 go build -trimpath -o bin/bench/ . \
		./test/bench ./test/bench/cmd/engines ./client/processmakertest/cmd/processmakertest

##@ Release

.PHONY: release
release: ## binaries, image, checksums and bills of materials into dist/ (PLATFORM=linux/amd64: one platform)
	@$(STEP) "release into dist/" scripts/release.sh dist $(PLATFORM)

.PHONY: release-check
release-check: ## build the whole release twice and compare
	@$(STEP) "two builds of the release are equal" scripts/release-check.sh
