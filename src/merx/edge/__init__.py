"""The HTTP toolbox every dialect and page shares: credentials, limits, idempotency, strict bodies and queries, cached
answers, request log, metrics, OpenAPI. It has no commerce words; a dialect brings those."""
