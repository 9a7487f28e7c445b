"""A shop's own pages, at its own host: looking around, the cart, paying, an account. Everything works without script;
htmx answers with the same parts."""
