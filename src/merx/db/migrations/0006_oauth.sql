-- OAuth 2.0. What a client was given is a session with a grant beside it, so that signing out, a changed password, a member
-- who leaves and the sweep end it as they end every session. A client that acts for itself has a session too.
alter table sessions drop constraint sessions_actor_check;
alter table sessions add constraint sessions_actor_check check (actor in ('staff', 'customer', 'client'));

create table oauth_grants (
  tenant_id uuid not null,
  session_id uuid not null,
  client_id uuid not null,
  scopes text[] not null,         -- what the member agreed to; what holds today is the credential's
  created_at timestamptz not null,
  primary key (tenant_id, session_id),
  foreign key (tenant_id, session_id) references sessions on delete cascade,
  foreign key (tenant_id, client_id) references oauth_clients
);
create index oauth_grants_client on oauth_grants (tenant_id, client_id);

-- A used code is kept a day: whoever shows it again ends what it gave.
create table oauth_codes (
  tenant_id uuid not null,
  hash bytea not null,
  client_id uuid not null,
  staff_id uuid not null,
  redirect_uri text not null,
  challenge text not null,        -- PKCE, always S256
  scopes text[] not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  session_id uuid,                -- what it gave
  primary key (tenant_id, hash),
  foreign key (tenant_id, client_id) references oauth_clients
);
create index oauth_codes_expiry on oauth_codes (tenant_id, expires_at);

do $$
declare name text;
begin
  foreach name in array array['oauth_grants', 'oauth_codes']
  loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format($policy$create policy tenant on %I
      using (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid)
      with check (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid)$policy$, name);
  end loop;
end $$;
