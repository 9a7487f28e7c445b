"""The shop itself, one folder a capability. It has never heard of HTTP."""
