-- What is told to people: mails and text messages on their way, and who wants to hear nothing but what concerns them.

create table notifications (
  tenant_id uuid not null references tenants,
  id uuid not null,
  channel text not null check (channel in ('email', 'sms')),
  kind text not null,
  transactional boolean not null,
  person text check (person in ('customer', 'staff')),
  person_id uuid,                                                -- null: a bare address
  recipient text not null,
  recipient_name text not null default '',
  subject text not null default '',
  content jsonb not null default '{}',                           -- what a letter says, to be rendered when it is sent
  body_text text,                                                -- as it was sent; null: not rendered yet, or a secret
  body_html text,
  state text not null check (state in ('queued', 'sending', 'sent', 'failed', 'suppressed', 'kept')),
  attempt int not null default 0,                                -- raised when a try is claimed, so that a crash counts
  earlier_attempts int not null default 0,                       -- those before somebody asked for it to be sent anew
  series int not null default 0,                                 -- how often somebody asked
  next_at timestamptz not null,
  locked_until timestamptz,
  locked_by uuid,
  reference text,                                                -- what the other side calls it
  error text,
  dedup_key text not null check (length(dedup_key) between 1 and 400),
  created_at timestamptz not null,
  finished_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, dedup_key),
  check ((person is null) = (person_id is null)),
  check ((state in ('queued', 'sending')) = (finished_at is null))
) with (fillfactor = 70);
create index notifications_due on notifications (next_at, tenant_id) where state in ('queued', 'sending');
create index notifications_turn on notifications (tenant_id, next_at) where state in ('queued', 'sending');
create index notifications_state on notifications (tenant_id, state, id desc);
create index notifications_age on notifications (finished_at) where finished_at is not null;

-- Kept with the person: nothing but what concerns their own orders and account is sent to them this way.
create table notification_optouts (
  tenant_id uuid not null references tenants,
  person_id uuid not null,
  channel text not null check (channel in ('email', 'sms')),
  created_at timestamptz not null,
  primary key (tenant_id, person_id, channel)
);

do $$
declare name text;
begin
  foreach name in array array['notifications', 'notification_optouts']
  loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format($policy$create policy tenant on %I
      using (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid)
      with check (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid)$policy$, name);
  end loop;
end $$;

grant select on notifications to merx_definer;
create policy definer on notifications for select to merx_definer using (true);

-- Beside work_due and stale_rows, which were there before them.
create function notifications_due(moment timestamptz) returns table (kind text, tenant_id uuid)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  return query
    select 'notifications', t.tenant_id from (select distinct n.tenant_id from notifications n
      where n.state in ('queued', 'sending') and n.next_at <= moment) t order by random() limit 200;
end $$;

create function notifications_stale(moment timestamptz) returns table (kind text, tenant_id uuid)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  return query
    select distinct 'notifications', n.tenant_id from notifications n
      where n.finished_at is not null and n.finished_at <= moment - interval '90 days' limit 50;
end $$;

alter function notifications_due(timestamptz) owner to merx_definer;
alter function notifications_stale(timestamptz) owner to merx_definer;
