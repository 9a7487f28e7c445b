-- Orders that guests look up. Of the address an order came from only a keyed digest is kept from now on; what was kept
-- in clear is gone with its column. Both ways to an order begin at the proof, not at the e-mail that is asked about, so
-- an answer takes as long for an address that has bought here as for one that has not.
alter table orders drop column client_address;
alter table orders add column client_digest bytea;
create index orders_client on orders (tenant_id, client_digest, created_at) where client_digest is not null;
create index orders_lookup on orders (tenant_id, lookup_hash) where lookup_hash is not null;
