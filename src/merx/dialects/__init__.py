"""The published APIs, one package each. A dialect translates between its document and the core, and decides nothing."""
