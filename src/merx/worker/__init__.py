"""What happens by itself: events relayed, webhooks sent, holds let go, payments and refunds resumed, old rows swept.

The same loop runs inside `merx serve` and as `merx worker`, in as many processes as one likes: everything is claimed by
its state, under a lease, so that two workers share the work and a killed one leaves it to the others.
"""

from merx.worker.loop import run

__all__ = ["run"]
