-- What the pages need: sessions of browsers end by their session, and a shop has a colour.

create index credentials_subject on credentials (tenant_id, subject);

alter table settings add column accent text not null default '' check (accent ~ '^(#[0-9a-f]{6})?$');

create index orders_flagged on orders (tenant_id, created_at desc, id desc) where flagged is not null;

-- A merchant's own lists of products: hidden ones are among them, so the indexes of what shoppers see do not serve.
create index products_kept_name on products (tenant_id, sort_name, id) where deleted_at is null;
create index products_kept_price on products (tenant_id, price_minor, id) where deleted_at is null;
create index products_hidden on products (tenant_id, created_at desc, id desc) where deleted_at is null and not active;
create index products_off on products (tenant_id, id) where not (active and deleted_at is null);
