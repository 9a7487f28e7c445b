"""Owns shoppers: accounts, which sign in, and guests, who are known from an order."""
