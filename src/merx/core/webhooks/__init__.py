"""Tells a merchant's own systems what happened: endpoints, deliveries with every try, replay. Signed, retried for three
days, at least once and in no promised order."""
