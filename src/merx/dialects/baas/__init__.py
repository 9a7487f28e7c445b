"""The BaaS dialect: the platform API (`/api/platform`, a merchant's) and the store API (`/api/store`, a shopper's)."""
