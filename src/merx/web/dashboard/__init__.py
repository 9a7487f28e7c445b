"""The dashboard: what a shop's team sees and does, on the operations the APIs have too. One module an area."""
