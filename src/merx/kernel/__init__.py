"""The words every other room uses: money, ids, errors, states, events, context. Standard library and msgspec only."""
