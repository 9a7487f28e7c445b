"""Owns orders: lines and addresses as they were at the sale, status, history, shipments, refunds, cancellation."""
