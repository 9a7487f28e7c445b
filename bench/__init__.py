"""How fast Merx is, beside what PostgreSQL alone does with the same statements on the same data in the same run."""
