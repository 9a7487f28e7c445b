"""The one door to PostgreSQL: pool, transactions sealed to a tenant, outbox, embedded server, migrations."""
