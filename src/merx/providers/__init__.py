"""The outside world behind the ports. Providers know ports and kernel, and nothing of tables or HTTP routes."""
