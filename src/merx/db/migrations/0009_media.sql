-- Pictures that merchants upload. The bytes lie in the data folder or in a bucket, under names made of the tenant and the
-- digest of what was uploaded; here is what is known about each.
create table pictures (
  tenant_id uuid not null references tenants,
  digest text not null check (length(digest) = 32),
  width int not null check (width > 0),
  height int not null check (height > 0),
  ready boolean not null default false,                          -- every size of it is stored
  seen_at timestamptz not null,                                  -- when it was last uploaded, or found in use
  leaving_at timestamptz,                                        -- since when it is being cleared away
  created_at timestamptz not null,
  primary key (tenant_id, digest)
);
create index pictures_seen on pictures (seen_at);

alter table pictures enable row level security;
alter table pictures force row level security;
create policy tenant on pictures
  using (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);

-- Orders show the picture that a product had when it was bought.
create index order_lines_image on order_lines (tenant_id, image) where image is not null;

grant select on pictures to merx_definer;
create policy definer on pictures for select to merx_definer using (true);

create function pictures_stale(moment timestamptz) returns table (kind text, tenant_id uuid)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  return query (select distinct 'pictures', p.tenant_id from pictures p where p.seen_at <= moment - interval '1 day' limit 50);
end $$;

alter function pictures_stale(timestamptz) owner to merx_definer;
