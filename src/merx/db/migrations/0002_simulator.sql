-- The payment providers' simulator: a foreign system's ledger that happens to live here. Its tables hold nothing of a
-- tenant but what a tenant sent to its payment provider, carry an account (the provider's word) in place of tenant_id,
-- and are not under row-level security: every statement names the account or an id that nobody can guess.

create table simulator_objects (
  id text primary key,
  number bigint generated always as identity,
  account text not null,
  kind text not null,
  parent text,                    -- the intent that a session, charge or refund belongs to
  body jsonb not null,            -- the object as the provider shows it
  created_at timestamptz not null,
  expires_at timestamptz          -- of a payment page that is still open
);
create index simulator_objects_list on simulator_objects (account, kind, number desc);
create index simulator_objects_parent on simulator_objects (parent) where parent is not null;
create index simulator_objects_expiry on simulator_objects (expires_at) where expires_at is not null;

create table simulator_idempotency (
  account text not null,
  key text not null,
  fingerprint text not null,      -- of the method, path and parameters
  status int,                     -- null: still running
  answer text,
  started_at timestamptz not null,
  primary key (account, key)
);

create table simulator_callbacks (
  number bigint generated always as identity primary key,
  account text not null,
  event_id text not null,
  kind text not null,
  body text not null,
  url text,                       -- null: the account's own callback address
  attempts int not null default 0,
  next_at timestamptz not null,
  status int,                     -- of the last answer; 0 where none came
  done_at timestamptz             -- answered 2xx, or given up
);
create index simulator_callbacks_due on simulator_callbacks (next_at) where done_at is null;
create index simulator_callbacks_account on simulator_callbacks (account, number desc);
