-- The access log: every API request of a tenant, kept for a set time. A row is what one process saw of one tenant within
-- one second, packed together (docs/adr/0014): the request itself must not pay for a row of its own. Partitioned by day;
-- the days stand in a schema that the serving role can't reach, so that no row is seen past the parent's policies.
create table access_log (
  tenant_id uuid not null,
  at timestamptz not null check (at = date_trunc('second', at)),
  id uuid not null,
  infos int not null check (infos >= 0),
  warns int not null check (warns >= 0),
  errors int not null check (errors >= 0),
  entries bytea not null,
  primary key (tenant_id, at, id) include (infos, warns, errors)
) partition by range (at);
alter table access_log alter entries set storage external;  -- packed already: to compress it again costs more than it saves
create index access_log_warns on access_log (tenant_id, at, id) include (warns) where warns > 0;
create index access_log_errors on access_log (tenant_id, at, id) include (errors) where errors > 0;

-- How much of each level an hour holds, so that the log is counted, and entered at any place, without reading it.
create table access_log_hours (
  tenant_id uuid not null,
  hour timestamptz not null,
  infos bigint not null,
  warns bigint not null,
  errors bigint not null,
  primary key (tenant_id, hour)
) partition by range (hour);

do $$
declare name text;
begin
  foreach name in array array['access_log', 'access_log_hours'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format($policy$create policy tenant on %I
      using (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid)
      with check (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid)$policy$, name);
  end loop;
end $$;

-- One statement writes what a process has seen of all its tenants; it gives nothing back but how much was new. A row that
-- is there already is left alone, so that it may be sent again by whoever does not know whether it arrived.
grant select, insert on access_log to merx_definer;
grant select, insert, update on access_log_hours to merx_definer;
create policy definer on access_log to merx_definer using (true) with check (true);
create policy definer on access_log_hours to merx_definer using (true) with check (true);
create function append_access_log(
  tenants uuid[], moments timestamptz[], ids uuid[], infos int[], warns int[], errors int[], entries bytea[]
) returns int
language plpgsql security definer set search_path = pg_catalog, public as $$
declare written int;
begin
  with written_pages as (
    insert into access_log as l (tenant_id, at, id, infos, warns, errors, entries)
    select * from unnest(tenants, moments, ids, infos, warns, errors, entries) on conflict do nothing
    returning l.tenant_id, l.at, l.infos, l.warns, l.errors)
  insert into access_log_hours as h (tenant_id, hour, infos, warns, errors)
  select w.tenant_id, date_trunc('hour', w.at, 'UTC'), sum(w.infos), sum(w.warns), sum(w.errors)
  from written_pages w group by 1, 2 order by 1, 2
  on conflict (tenant_id, hour) do update
  set infos = h.infos + excluded.infos, warns = h.warns + excluded.warns, errors = h.errors + excluded.errors;
  get diagnostics written = row_count;
  return written;
end $$;
alter function append_access_log(uuid[], timestamptz[], uuid[], int[], int[], int[], bytea[]) owner to merx_definer;

-- Makes the days around today and drops those before the oldest to keep. It belongs to the tables' owner, as only the
-- owner may; it takes a date and a number, and nothing that anybody wrote.
create schema access_log_days;
create function keep_access_log(today date, days int) returns int
language plpgsql security definer set search_path = pg_catalog, public as $$
declare
  parent text;
  day date;
  name text;
  dropped int := 0;
begin
  perform pg_advisory_xact_lock(hashtextextended('merx.access_log', 0));
  foreach parent in array array['access_log', 'access_log_hours'] loop
    for day in select today + n from generate_series(-1, 3) as n loop
      name := parent || '_' || to_char(day, 'YYYYMMDD');
      if to_regclass('access_log_days.' || name) is null then
        execute format('create table access_log_days.%I (like public.%I including all)', name, parent);
        execute format('alter table public.%I attach partition access_log_days.%I for values from (%L) to (%L)',
          parent, name, day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC');
      end if;
    end loop;
    for name in
      select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
      where i.inhparent = ('public.' || parent)::regclass and right(c.relname, 8) < to_char(today - days, 'YYYYMMDD')
    loop
      execute format('drop table access_log_days.%I', name);
      dropped := dropped + 1;
    end loop;
  end loop;
  return dropped;
end $$;
select keep_access_log((now() at time zone 'UTC')::date, 30);
