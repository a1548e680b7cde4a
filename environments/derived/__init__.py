"""Makes suites out of other suites."""
