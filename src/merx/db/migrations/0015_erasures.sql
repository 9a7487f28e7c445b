-- Erasing a customer (docs/adr/0025): what is asked for, what is found by the person, and what is gone already.
create table erasures (
  tenant_id uuid not null references tenants,
  id uuid not null,
  customer_id uuid not null,
  state text not null check (state in ('waiting', 'taken_back', 'running', 'done')),
  asked_by text not null,                                        -- what kind of caller, and its id
  asked_at timestamptz not null,
  due_at timestamptz not null,                                   -- when the worker takes it up, again where it was interrupted
  begun_at timestamptz,                                          -- from here on it is final
  taken_back_by text,
  ended_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, customer_id) references customers,
  check ((state in ('taken_back', 'done')) = (ended_at is not null)),
  check ((state in ('running', 'done')) = (begun_at is not null))
);
create unique index erasures_open on erasures (tenant_id, customer_id) where state in ('waiting', 'running');
create index erasures_due on erasures (due_at, tenant_id) where state in ('waiting', 'running');

alter table customers
  add column erase_at timestamptz,                               -- asked for: nobody signs in from here on, nothing is mailed
  add column erased_at timestamptz;
alter table orders add column erased boolean not null default false;

-- What a person's orders have left behind is found by the order.
create index outbox_subject on outbox (tenant_id, subject);
create index notifications_person on notifications (tenant_id, person_id) where person_id is not null;
create index notifications_bare on notifications (tenant_id, recipient) where person_id is null;

-- A delivery says what it is about in its body only, and outlives its event; those that are there (30 days of them) are
-- read once. Meanwhile no webhook is sent.
lock table webhook_deliveries in access exclusive mode;
alter table webhook_deliveries add column subject uuid;
alter table webhook_deliveries no force row level security;
update webhook_deliveries
set subject = substring(convert_from(body, 'UTF8') from '"data":\{"id":"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"')::uuid;
alter table webhook_deliveries force row level security;
create index webhook_deliveries_subject on webhook_deliveries (tenant_id, subject) where subject is not null;

alter table erasures enable row level security;
alter table erasures force row level security;
create policy tenant on erasures
  using (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);

grant select on erasures to merx_definer;
create policy definer on erasures for select to merx_definer using (true);

create function erasures_due(moment timestamptz) returns table (kind text, tenant_id uuid)
language plpgsql stable security definer set search_path = pg_catalog, public, pg_temp as $$
begin
  return query
    select 'erasures', t.tenant_id from (select distinct e.tenant_id from erasures e
      where e.state in ('waiting', 'running') and e.due_at <= moment) t order by random() limit 200;
end $$;
alter function erasures_due(timestamptz) owner to merx_definer;

-- Takes one caller's id and network address out of a span of a tenant's access log. In a page (msgpack) the address comes
-- right behind the sixteen bytes of the id; both are overwritten in their own length. Nothing else can be changed by it.
grant update on access_log to merx_definer;
create function forget_caller(tenant uuid, caller uuid, since timestamptz, until timestamptz) returns int
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
  mark constant bytea := '\xc410'::bytea || uuid_send(caller);
  nobody constant bytea := '\xc410'::bytea || uuid_send('00000000-0000-0000-0000-000000000000');
  page record;
  packed bytea;
  place int;
  head int;
  letters int;
  changed int := 0;
begin
  for page in select l.at, l.id, l.entries from access_log l
    where l.tenant_id = tenant and l.at >= since and l.at < until and position(mark in l.entries) > 0
  loop
    packed := page.entries;
    loop
      place := position(mark in packed);
      exit when place = 0;
      packed := overlay(packed placing nobody from place);
      place := place + length(mark);
      head := get_byte(packed, place - 1);
      letters := case when head between 160 and 191 then head - 160 when head = 217 then get_byte(packed, place) else 0 end;
      place := place + case when head = 217 then 2 else 1 end;
      packed := overlay(packed placing convert_to(repeat('-', letters), 'UTF8') from place);
    end loop;
    update access_log l set entries = packed where l.tenant_id = tenant and l.at = page.at and l.id = page.id;
    changed := changed + 1;
  end loop;
  return changed;
end $$;
alter function forget_caller(uuid, uuid, timestamptz, timestamptz) owner to merx_definer;
