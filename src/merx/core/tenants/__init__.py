"""Owns tenants: who they are, their plan and its limits, their settings, their payment providers' credentials, and the
counters that number a tenant's own things."""
