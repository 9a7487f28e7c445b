-- Payments that take another's place, refunds asked for under an idempotency key, callbacks of several providers.

alter table payments add column superseded boolean not null default false;  -- another attempt takes its place: its end is not the order's

alter table refunds add column idempotency_key text;                         -- caller and key; a repetition finds this refund
create unique index refunds_idempotency on refunds (tenant_id, order_id, idempotency_key) where idempotency_key is not null;

alter table simulator_callbacks add column provider text not null default 'stripe';
