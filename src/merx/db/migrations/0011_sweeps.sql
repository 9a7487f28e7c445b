-- What nobody comes back for is cleared away: carts that guests left, and which callbacks of payment providers came, long
-- after a provider would send one again. A cart is found by when it began, so that filling it touches no index.
create index carts_left on carts (created_at, tenant_id) where state = 'open' and token is not null;
create index provider_events_age on provider_events (received_at, tenant_id);

grant select on carts, provider_events to merx_definer;
create policy definer on carts for select to merx_definer using (true);
create policy definer on provider_events for select to merx_definer using (true);

create function selling_stale(moment timestamptz) returns table (kind text, tenant_id uuid)
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  return query
    (select distinct 'carts', c.tenant_id from carts c where c.state = 'open' and c.token is not null
      and c.created_at <= moment - interval '90 days' and c.updated_at <= moment - interval '90 days' limit 50)
    union all
    (select distinct 'callbacks', e.tenant_id from provider_events e
      where e.received_at <= moment - interval '90 days' limit 50);
end $$;

alter function selling_stale(timestamptz) owner to merx_definer;
