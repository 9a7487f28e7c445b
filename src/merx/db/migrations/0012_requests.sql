-- An order of items has no cart that only one order can come from. Under an idempotency key it is known by caller, key and
-- what was asked for, as a digest, so that a repetition finds it even where the answer was never remembered.
alter table orders add column request_digest bytea;
create unique index orders_request on orders (tenant_id, request_digest) where request_digest is not null;
