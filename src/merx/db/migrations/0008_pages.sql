-- What the pages need: sessions of browsers end by their session, and a shop has a colour.

create index credentials_subject on credentials (tenant_id, subject);

alter table settings add column accent text not null default '' check (accent ~ '^(#[0-9a-f]{6})?$');

create index orders_flagged on orders (tenant_id, created_at desc, id desc) where flagged is not null;
