"""The shipped pytest plugin: conformance suites, fixtures and strategies."""
