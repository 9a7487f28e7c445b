-- What lists at a desk ask of the database: the beginning of a name or an e-mail, states of coupons, kinds of messages.
-- Text is compared byte by byte (collate "C"), so that a beginning is a range of the index under any locale; what is
-- folded is folded once, when it is written.
alter table customers
  add column first_key text collate "C" generated always as (lower(first_name collate "C")) stored,
  add column last_key text collate "C" generated always as (lower(last_name collate "C")) stored;
create index customers_by_email on customers (tenant_id, (email collate "C"), id);
create index customers_by_first_name on customers (tenant_id, first_key, id) where first_key <> '';
create index customers_by_last_name on customers (tenant_id, last_key, id) where last_key <> '';

create index coupons_newest on coupons (tenant_id, created_at desc, id desc) where deleted_at is null;
create index coupons_by_code on coupons (tenant_id, (code collate "C")) where deleted_at is null;

create index notifications_channel on notifications (tenant_id, channel, id desc);

create index tenants_newest on tenants (created_at desc, id desc) where not system;

-- How much the shops on one page of the installation's list are used: numbers only. `since`: from when on requests count.
grant select on access_log, counters to merx_definer;
create policy definer_reads on access_log for select to merx_definer using (true);
create policy definer on counters for select to merx_definer using (true);
create function tenant_figures(wanted uuid[], since timestamptz)
returns table (tenant_id uuid, products bigint, orders bigint, members bigint, requests bigint, failed bigint)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  return query
    select w.id,
      (select coalesce(sum(v.products), 0)::bigint from catalog_versions v where v.tenant_id = w.id),
      (select coalesce(sum(c.last), 0)::bigint from counters c where c.tenant_id = w.id and c.name = 'orders'),
      (select count(*) from members m where m.tenant_id = w.id),
      l.requests, l.failed
    from unnest(wanted) as w (id)
    cross join lateral (
      select coalesce(sum(a.infos + a.warns + a.errors), 0)::bigint as requests,
        coalesce(sum(a.errors), 0)::bigint as failed
      from access_log a where a.tenant_id = w.id and a.at >= since) l;
end $$;
alter function tenant_figures(uuid[], timestamptz) owner to merx_definer;
