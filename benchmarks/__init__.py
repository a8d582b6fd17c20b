"""Benchmarks: each interleaves a floor and migsafe in the same run and prints the ratio."""
