"""Counts what several processes must count together: requests and attempts, by bucket and window."""
