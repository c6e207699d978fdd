"""The documentation is tested: references are fresh, code runs, nothing public is missing."""
