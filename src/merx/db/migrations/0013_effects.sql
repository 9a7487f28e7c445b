-- Whether a transaction of the request has committed: said by that transaction itself, so that a request whose answer was
-- lost in a crash is not done again under its key.
alter table idempotency_keys add column took_effect boolean not null default false;
