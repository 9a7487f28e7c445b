"""Owns erasing a customer: asking for it, taking it back, and going through everything until it is done."""
