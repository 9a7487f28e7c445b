"""The Aerostack e-commerce API: a shop's own pages, speaking from the browser with a public key."""
