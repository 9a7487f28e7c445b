"""OAuth 2.0 over HTTP: what programs call (`endpoints`), what people see (`consent`), and how RFC 6749 reads a request
(`wire`). What is decided is decided in core/auth/grants.py."""
