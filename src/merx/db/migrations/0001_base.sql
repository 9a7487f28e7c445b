-- The whole schema of the engine. Rules (docs/adr/0002): tenant_id first in every key of a tenant table, forced row-level
-- security, bigint money in minor units, states as text with CHECK, no trigger, no enum, no ON DELETE SET NULL.

-- ── Reference tables: small, without a tenant, written rarely ────────────────────────────────────────────────────────
create table tenants (
  id uuid primary key,
  slug text not null unique check (slug ~ '^[a-z0-9-]{1,63}$'),
  name text not null check (length(name) between 1 and 255),
  domain text unique,
  plan text not null default 'free' check (plan in ('free', 'starter', 'pro', 'enterprise')),
  requests_per_minute int check (requests_per_minute > 0),
  active boolean not null default true,
  system boolean not null default false,
  created_at timestamptz not null
);
insert into tenants (id, slug, name, plan, system, created_at)
values ('00000000-0000-0000-0000-000000000000', 'platform', 'Platform', 'enterprise', true, now());

create table staff (
  id uuid primary key,
  email text not null unique,
  password_hash text not null,
  first_name text not null default '',
  last_name text not null default '',
  active boolean not null default true,
  created_at timestamptz not null
);

-- ── The one look-up before the tenant is known: by hash, no row-level security ───────────────────────────────────────
create table credentials (
  hash bytea primary key,
  tenant_id uuid not null,
  kind text not null check (kind in ('api_key', 'session', 'refresh', 'access', 'code', 'client', 'reset')),
  subject uuid not null,          -- the key, session, client or person it stands for
  actor text not null check (actor in ('key', 'staff', 'customer', 'client')),
  actor_id uuid not null,
  scopes text[] not null default '{}',
  expires_at timestamptz,
  created_at timestamptz not null
);
create index credentials_actor on credentials (tenant_id, actor_id);
create index credentials_expiry on credentials (expires_at) where expires_at is not null;

-- A bucket has one row: what comes after its window's end begins the next one. Times are epoch seconds.
create unlogged table rate_counters (
  bucket text primary key,
  window_start bigint not null,
  seconds int not null,
  hits bigint not null
) with (fillfactor = 50);

-- ── Tenants ──────────────────────────────────────────────────────────────────────────────────────────────────────────
create table settings (
  tenant_id uuid primary key references tenants,
  currency text not null default 'USD' check (currency ~ '^[A-Z]{3}$'),
  tax_rate int not null default 0 check (tax_rate between 0 and 1000000),          -- parts per million
  tax_shipping boolean not null default false,
  prices_include_tax boolean not null default false,
  shipping_enabled boolean not null default true,
  flat_shipping_minor bigint not null default 0 check (flat_shipping_minor >= 0),
  free_shipping_threshold_minor bigint check (free_shipping_threshold_minor >= 0),
  payment_provider text not null default 'stripe' check (payment_provider in ('manual', 'stripe', 'razorpay')),
  payment_test_mode boolean not null default true,
  low_stock_threshold int not null default 5 check (low_stock_threshold >= 0),
  guest_order_lookup text not null default 'recent' check (guest_order_lookup in ('verified', 'recent', 'open')),
  allowed_origins text[] not null default '{}',
  locale text not null default 'en_US',
  contact_email text,
  updated_at timestamptz not null
);

create table provider_credentials (
  tenant_id uuid not null references tenants,
  provider text not null,
  sealed bytea not null,          -- AES-GCM under the installation's key; never shown again
  hint text not null default '',  -- the last four characters, for people
  updated_at timestamptz not null,
  primary key (tenant_id, provider)
);

create table counters (
  tenant_id uuid not null references tenants,
  name text not null,
  last bigint not null default 0,
  primary key (tenant_id, name)
) with (fillfactor = 50);

-- ── Auth ─────────────────────────────────────────────────────────────────────────────────────────────────────────────
create table members (
  tenant_id uuid not null references tenants,
  staff_id uuid not null references staff,
  number int not null,
  role text not null check (role in ('owner', 'admin', 'staff')),
  permissions text[] not null default '{}',
  created_at timestamptz not null,
  primary key (tenant_id, staff_id),
  unique (tenant_id, number)
);
create index members_staff on members (staff_id);

create table api_keys (
  tenant_id uuid not null references tenants,
  id uuid not null,
  name text not null,
  prefix text not null,
  type text not null check (type in ('publishable', 'secret')),
  scopes text[] not null,
  created_by uuid,
  created_at timestamptz not null,
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz,
  primary key (tenant_id, id)
);

create table sessions (
  tenant_id uuid not null references tenants,
  id uuid not null,
  actor text not null check (actor in ('staff', 'customer')),
  actor_id uuid not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  revoked_at timestamptz,
  primary key (tenant_id, id)
);
create index sessions_actor on sessions (tenant_id, actor_id);
create index sessions_expiry on sessions (expires_at);

create table refresh_tokens (
  tenant_id uuid not null,
  hash bytea not null,
  session_id uuid not null,
  issued_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz,
  successor bytea,
  primary key (tenant_id, hash),
  foreign key (tenant_id, session_id) references sessions on delete cascade
);
create index refresh_tokens_session on refresh_tokens (tenant_id, session_id);

create table oauth_clients (
  tenant_id uuid not null references tenants,
  id uuid not null,
  name text not null,
  redirect_uris text[] not null default '{}',
  grant_types text[] not null,
  scopes text[] not null,
  secret_hash bytea,
  created_at timestamptz not null,
  revoked_at timestamptz,
  primary key (tenant_id, id)
);

create table idempotency_keys (
  tenant_id uuid not null references tenants,
  principal text not null,
  key text not null check (length(key) between 1 and 255),
  fingerprint bytea not null,
  state text not null check (state in ('started', 'done')),
  locked_until timestamptz not null,
  status int,
  headers jsonb,
  body bytea,
  created_at timestamptz not null,
  primary key (tenant_id, principal, key)
);
create index idempotency_keys_age on idempotency_keys (created_at);

-- ── Customers ────────────────────────────────────────────────────────────────────────────────────────────────────────
create table customers (
  tenant_id uuid not null references tenants,
  id uuid not null,
  email text not null,
  username text not null,
  password_hash text,             -- null: a guest, known from an order; otherwise an account
  first_name text not null default '',
  last_name text not null default '',
  phone text,
  status text not null default 'active' check (status in ('active', 'inactive')),
  accepts_marketing boolean not null default true,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant_id, id)
);
-- Nobody proves an e-mail when registering, so an account never takes over what a guest of that address ordered.
create unique index customers_accounts on customers (tenant_id, email) where password_hash is not null;
create unique index customers_guests on customers (tenant_id, email) where password_hash is null;
create index customers_newest on customers (tenant_id, created_at desc, id desc);
create index customers_status on customers (tenant_id, status, created_at desc, id desc);

-- ── Catalogue ────────────────────────────────────────────────────────────────────────────────────────────────────────
-- What any catalogue answer shows changed: one of sixteen rows a tenant is raised in the same transaction (its number
-- is the connection's, so writers do not wait for one another); the version is the sum. `products` counts the shown
-- products the same way, so a list knows its length without counting.
create table catalog_versions (
  tenant_id uuid not null references tenants,
  shard smallint not null check (shard between 0 and 15),
  version bigint not null default 0,
  products bigint not null default 0,
  primary key (tenant_id, shard)
) with (fillfactor = 50);

create table categories (
  tenant_id uuid not null references tenants,
  id uuid not null,
  number int not null,
  parent_id uuid,
  name text not null,
  slug text not null,
  description text not null default '',
  position int not null default 0,
  created_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, slug),
  unique (tenant_id, number),
  foreign key (tenant_id, parent_id) references categories (tenant_id, id)
);
create index categories_parent on categories (tenant_id, parent_id);

create table products (
  tenant_id uuid not null references tenants,
  id uuid not null,
  slug text not null,
  name text not null check (length(name) between 1 and 255),
  sort_name text collate "C" not null default '',                -- the name without case and accents
  description text not null default '',
  price_minor bigint not null check (price_minor >= 0),          -- the lowest of its active variants
  compare_minor bigint check (compare_minor >= 0),
  sku text,                                                      -- the first variant's
  options jsonb not null default '[]',                           -- [{"name": "Colour", "values": ["Black", "Blue"]}]
  images jsonb not null default '[]',                            -- [{"id": uuid, "url": …, "alt": …}]
  active boolean not null default true,
  deleted_at timestamptz,
  version int not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant_id, id)
);
create unique index products_slug on products (tenant_id, slug) where deleted_at is null;
create index products_newest on products (tenant_id, created_at desc, id desc) where deleted_at is null and active;
create index products_price on products (tenant_id, price_minor, id) where deleted_at is null and active;
create index products_name on products (tenant_id, sort_name, id) where deleted_at is null and active;
create index products_kept on products (tenant_id, created_at desc, id desc) where deleted_at is null;

-- The words products are found by, kept by the statements that write products. Comparing uuid and text is leakproof, so
-- a search uses these indexes under row-level security as it is, where @@ and % could not. No foreign keys: they are an
-- index, made anew from the products at any time.
create table search_words (
  tenant_id uuid not null,
  word text collate "C" not null,
  product_id uuid not null,
  weight smallint not null,                                      -- name before SKU before description
  shown boolean not null,                                        -- the product is active
  primary key (tenant_id, word, product_id) include (weight, shown)
);
create table search_typos (
  tenant_id uuid not null,
  stub text collate "C" not null,                                -- the word, or the word with one letter left out
  word text collate "C" not null,
  place smallint not null,                                       -- where the letter was; -1: the word itself
  primary key (tenant_id, stub, word) include (place)
);

create table product_categories (
  tenant_id uuid not null,
  product_id uuid not null,
  category_id uuid not null,
  position int not null default 0,
  primary key (tenant_id, product_id, category_id),
  foreign key (tenant_id, product_id) references products on delete cascade,
  foreign key (tenant_id, category_id) references categories on delete cascade
);
create index product_categories_category on product_categories (tenant_id, category_id, product_id);

create table variants (
  tenant_id uuid not null,
  id uuid not null,
  product_id uuid not null,
  sku text,
  title text not null default '',                                -- 'Black / L'; empty for a product without options
  options jsonb not null default '{}',                           -- {"Colour": "Black"}
  price_minor bigint not null check (price_minor >= 0),
  compare_minor bigint check (compare_minor >= 0),
  active boolean not null default true,
  position int not null default 0,
  deleted_at timestamptz,
  primary key (tenant_id, id),
  foreign key (tenant_id, product_id) references products
);
create unique index variants_sku on variants (tenant_id, sku) where deleted_at is null;
create index variants_product on variants (tenant_id, product_id, position);
create index variants_shelved on variants (tenant_id, id) where not active or deleted_at is not null;

-- ── Inventory ────────────────────────────────────────────────────────────────────────────────────────────────────────
create table stock (
  tenant_id uuid not null,
  variant_id uuid not null,
  product_id uuid not null,
  on_hand bigint not null default 0 check (on_hand >= 0),
  reserved bigint not null default 0 check (reserved >= 0),
  primary key (tenant_id, variant_id),
  check (reserved <= on_hand),
  foreign key (tenant_id, variant_id) references variants
) with (fillfactor = 50);
create index stock_product on stock (tenant_id, product_id);

create table stock_movements (
  tenant_id uuid not null,
  id uuid not null,
  variant_id uuid not null,
  kind text not null check (kind in ('received', 'adjusted', 'reserved', 'released', 'shipped', 'returned')),
  on_hand_delta bigint not null default 0,
  reserved_delta bigint not null default 0,
  order_id uuid,
  reason text not null default '',
  actor text not null default '',
  created_at timestamptz not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, variant_id) references stock
);
create index stock_movements_variant on stock_movements (tenant_id, variant_id, id);

-- ── Coupons, shipping ────────────────────────────────────────────────────────────────────────────────────────────────
create table coupons (
  tenant_id uuid not null references tenants,
  id uuid not null,
  code text not null,                                            -- upper case
  type text not null check (type in ('percent', 'fixed', 'free_shipping')),
  rate int not null default 0 check (rate between 0 and 1000000),
  amount_minor bigint not null default 0 check (amount_minor >= 0),
  minimum_minor bigint not null default 0 check (minimum_minor >= 0),
  starts_at timestamptz,
  ends_at timestamptz,
  usage_limit int check (usage_limit > 0),
  per_customer_limit int check (per_customer_limit > 0),
  used int not null default 0 check (used >= 0),
  active boolean not null default true,
  deleted_at timestamptz,
  created_at timestamptz not null,
  primary key (tenant_id, id),
  check (usage_limit is null or used <= usage_limit)
);
create unique index coupons_code on coupons (tenant_id, code) where deleted_at is null;

create table coupon_uses (
  tenant_id uuid not null,
  coupon_id uuid not null,
  shopper text not null,                                         -- the customer's id
  used int not null check (used >= 0),
  primary key (tenant_id, coupon_id, shopper),
  foreign key (tenant_id, coupon_id) references coupons
);

create table shipping_methods (
  tenant_id uuid not null references tenants,
  id uuid not null,
  code text not null,                                            -- 'standard' is the settings' flat rate, not a row
  name text not null,
  price_minor bigint not null check (price_minor >= 0),
  free_over_minor bigint check (free_over_minor >= 0),
  active boolean not null default true,
  position int not null default 0,
  primary key (tenant_id, id),
  unique (tenant_id, code),
  check (code <> 'standard')
);

-- ── Carts ────────────────────────────────────────────────────────────────────────────────────────────────────────────
create table carts (
  tenant_id uuid not null references tenants,
  id uuid not null,
  customer_id uuid,
  token text,                                                    -- the id a guest's own client made
  state text not null default 'open' check (state in ('open', 'ordered')),
  version int not null default 1,
  coupon_code text,
  order_id uuid,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, customer_id) references customers,
  check ((customer_id is null) <> (token is null)),
  check ((state = 'ordered') = (order_id is not null))
) with (fillfactor = 80);
create unique index carts_customer on carts (tenant_id, customer_id) where state = 'open' and customer_id is not null;
create unique index carts_token on carts (tenant_id, token) where state = 'open' and token is not null;
create index carts_customer_ordered on carts (tenant_id, customer_id, updated_at) where state = 'ordered';
create index carts_token_ordered on carts (tenant_id, token, updated_at) where state = 'ordered';

create table cart_lines (
  tenant_id uuid not null,
  id uuid not null,
  cart_id uuid not null,
  variant_id uuid not null,
  quantity int not null check (quantity between 1 and 1000000),
  primary key (tenant_id, id),
  unique (tenant_id, cart_id, variant_id),
  foreign key (tenant_id, cart_id) references carts on delete cascade,
  foreign key (tenant_id, variant_id) references variants
) with (fillfactor = 80);

-- ── Orders ───────────────────────────────────────────────────────────────────────────────────────────────────────────
create table orders (
  tenant_id uuid not null references tenants,
  id uuid not null,
  number int,                                                    -- given last in the same transaction; never null outside
  customer_id uuid,
  email text,
  customer_name text not null default '',
  phone text,
  status text not null default 'pending'
    check (status in ('pending', 'confirmed', 'processing', 'shipped', 'delivered', 'cancelled', 'refunded')),
  payment_status text not null default 'unpaid'
    check (payment_status in ('unpaid', 'authorized', 'paid', 'partially_refunded', 'refunded', 'failed')),
  stock_state text not null default 'held' check (stock_state in ('held', 'released', 'shipped')),
  hold_expires_at timestamptz,                                   -- null: the hold does not run out
  currency text not null,
  subtotal_minor bigint not null check (subtotal_minor >= 0),
  discount_minor bigint not null check (discount_minor >= 0),
  shipping_minor bigint not null check (shipping_minor >= 0),
  tax_minor bigint not null check (tax_minor >= 0),
  total_minor bigint not null check (total_minor >= 0),
  tax_included boolean not null default false,
  coupon_id uuid,
  coupon_code text,
  shipping_method text not null,
  payment_method text not null,                                  -- 'card', 'cod', 'bank_transfer'
  shipping_address jsonb,
  billing_address jsonb,
  notes text not null default '',
  cart_id uuid,
  cart_version int,
  source text not null,                                          -- the dialect it was placed through
  client_address text,
  lookup_hash bytea,
  flagged text,                                                  -- why somebody should look at it
  version int not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant_id, id),
  unique (tenant_id, number),
  unique (tenant_id, cart_id, cart_version),
  foreign key (tenant_id, customer_id) references customers,
  check (discount_minor <= subtotal_minor),
  check (total_minor = subtotal_minor - discount_minor + shipping_minor + case when tax_included then 0 else tax_minor end)
) with (fillfactor = 70);
create index orders_newest on orders (tenant_id, created_at desc, id desc);
create index orders_status on orders (tenant_id, status, created_at desc, id desc);
create index orders_customer on orders (tenant_id, customer_id, created_at desc, id desc);
create index orders_email on orders (tenant_id, email, created_at desc, id desc);
create index orders_id on orders (id);  -- for tenant_of_order
create index orders_holds on orders (hold_expires_at) where stock_state = 'held' and hold_expires_at is not null;

create table order_lines (
  tenant_id uuid not null,
  id uuid not null,
  order_id uuid not null,
  position int not null,
  product_id uuid not null,
  variant_id uuid not null,
  sku text,
  name text not null,
  variant_title text not null default '',
  image text,
  quantity int not null check (quantity > 0),
  unit_minor bigint not null check (unit_minor >= 0),
  total_minor bigint not null,
  discount_minor bigint not null check (discount_minor >= 0),
  tax_minor bigint not null check (tax_minor >= 0),
  primary key (tenant_id, id),
  foreign key (tenant_id, order_id) references orders,
  check (total_minor = unit_minor * quantity),
  check (discount_minor <= total_minor)
);
create index order_lines_order on order_lines (tenant_id, order_id, position);

create table order_history (
  tenant_id uuid not null,
  order_id uuid not null,
  id uuid not null,
  from_status text,
  to_status text not null,
  actor text not null,
  note text not null default '',
  created_at timestamptz not null,
  primary key (tenant_id, order_id, id),
  foreign key (tenant_id, order_id) references orders
);

create table shipments (
  tenant_id uuid not null,
  id uuid not null,
  order_id uuid not null,
  carrier text not null,
  tracking_number text not null default '',
  tracking_url text,
  created_at timestamptz not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, order_id) references orders
);
create index shipments_order on shipments (tenant_id, order_id);

-- ── Payments: every attempt is a row ─────────────────────────────────────────────────────────────────────────────────
create table payments (
  tenant_id uuid not null,
  id uuid not null,
  order_id uuid not null,
  provider text not null,
  method text not null,
  status text not null check (status in ('created', 'pending', 'authorized', 'captured', 'declined', 'cancelled')),
  amount_minor bigint not null check (amount_minor >= 0),
  currency text not null,
  captured_minor bigint not null default 0 check (captured_minor >= 0),
  refunded_minor bigint not null default 0 check (refunded_minor >= 0),
  reference text,
  url text,
  client jsonb not null default '{}',
  charge jsonb not null default '{}',                            -- what was asked of the provider, to ask again after a crash
  reason text,
  check_at timestamptz,                                          -- when the worker should ask the provider about it
  checks int not null default 0,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, order_id) references orders,
  check (refunded_minor <= captured_minor)
) with (fillfactor = 70);
create index payments_order on payments (tenant_id, order_id);
create unique index payments_open on payments (tenant_id, order_id) where status in ('created', 'pending', 'authorized');
create index payments_reference on payments (tenant_id, provider, reference);
create index payments_check on payments (check_at) where check_at is not null;

create table refunds (
  tenant_id uuid not null,
  id uuid not null,
  order_id uuid not null,
  payment_id uuid not null,
  amount_minor bigint not null check (amount_minor > 0),
  reason text not null default '',
  status text not null check (status in ('pending', 'succeeded', 'failed')),
  reference text,
  check_at timestamptz,
  checks int not null default 0,
  actor text not null default '',
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, order_id) references orders,
  foreign key (tenant_id, payment_id) references payments
);
create index refunds_order on refunds (tenant_id, order_id);
create index refunds_check on refunds (check_at) where check_at is not null;

create table provider_events (
  tenant_id uuid not null references tenants,
  provider text not null,
  event_id text not null,
  kind text not null,
  received_at timestamptz not null,
  primary key (tenant_id, provider, event_id)
);

-- ── Events out ───────────────────────────────────────────────────────────────────────────────────────────────────────
create table outbox (
  tenant_id uuid not null references tenants,
  id uuid not null,
  kind text not null,
  subject uuid not null,
  facts jsonb not null,
  state text not null default 'new' check (state in ('new', 'relayed')),
  created_at timestamptz not null,
  primary key (tenant_id, id)
) with (fillfactor = 80);
create index outbox_new on outbox (tenant_id, id) where state = 'new';
create index outbox_age on outbox (created_at);

create table webhook_endpoints (
  tenant_id uuid not null references tenants,
  id uuid not null,
  url text not null,
  events text[] not null,
  secret bytea not null,                                         -- sealed
  previous_secret bytea,
  previous_until timestamptz,
  active boolean not null default true,
  failing_since timestamptz,
  disabled_reason text,
  created_at timestamptz not null,
  deleted_at timestamptz,
  primary key (tenant_id, id)
);

create table webhook_deliveries (
  tenant_id uuid not null,
  id uuid not null,
  endpoint_id uuid not null,
  event_id uuid not null,
  kind text not null,
  body bytea not null,                                           -- rendered by the relay, sent unchanged at every try
  state text not null default 'waiting' check (state in ('waiting', 'sending', 'delivered', 'dead')),
  attempt int not null default 0,                                -- raised when a try is claimed, so that a crash counts
  earlier_attempts int not null default 0,                       -- those before somebody asked for it to be sent anew
  next_at timestamptz not null,
  locked_until timestamptz,
  locked_by uuid,
  created_at timestamptz not null,
  finished_at timestamptz,
  primary key (tenant_id, id),
  unique (tenant_id, endpoint_id, event_id),
  foreign key (tenant_id, endpoint_id) references webhook_endpoints
) with (fillfactor = 70);
create index webhook_deliveries_due on webhook_deliveries (next_at, tenant_id) where state in ('waiting', 'sending');
create index webhook_deliveries_turn on webhook_deliveries (tenant_id, endpoint_id, next_at) where state in ('waiting', 'sending');
create index webhook_deliveries_sending on webhook_deliveries (tenant_id, endpoint_id) where state = 'sending';
create index webhook_deliveries_age on webhook_deliveries (finished_at) where finished_at is not null;

create table webhook_attempts (
  tenant_id uuid not null,
  delivery_id uuid not null,
  attempt int not null,
  status int,
  error text,
  answer text,
  milliseconds int not null,
  created_at timestamptz not null,
  primary key (tenant_id, delivery_id, attempt),
  foreign key (tenant_id, delivery_id) references webhook_deliveries on delete cascade
);

-- ── Row-level security on every table that belongs to a tenant ───────────────────────────────────────────────────────
do $$
declare name text;
begin
  foreach name in array array[
    'settings', 'provider_credentials', 'counters', 'members', 'api_keys', 'sessions', 'refresh_tokens', 'oauth_clients',
    'idempotency_keys', 'customers', 'catalog_versions', 'categories', 'products', 'product_categories', 'search_words',
    'search_typos', 'variants', 'stock', 'stock_movements', 'coupons', 'coupon_uses', 'shipping_methods', 'carts',
    'cart_lines', 'orders', 'order_lines', 'order_history', 'shipments', 'payments', 'refunds', 'provider_events', 'outbox',
    'webhook_endpoints', 'webhook_deliveries', 'webhook_attempts']
  loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format($policy$create policy tenant on %I
      using (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid)
      with check (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid)$policy$, name);
  end loop;
end $$;

-- ── The few questions asked across tenants ───────────────────────────────────────────────────────────────────────────
-- They belong to the role merx_definer, which may read every tenant's rows but nobody can sign in as; the serving role
-- may only call the functions, and each gives back ids and numbers, never what a tenant wrote.
grant usage on schema public to merx_definer;
do $$
declare name text;
begin
  foreach name in array array['outbox', 'webhook_deliveries', 'orders', 'payments', 'refunds', 'idempotency_keys', 'sessions',
                              'catalog_versions', 'members', 'api_keys']
  loop
    execute format('grant select on %I to merx_definer', name);
    execute format('create policy definer on %I for select to merx_definer using (true)', name);
  end loop;
end $$;

-- `busy`: tenants whose deliveries the asking worker has in hand already, so that they hide no others behind the limit.
-- In no order, so that tenants whose work can't be done at the moment never keep the others from their turn.
create function work_due(moment timestamptz, busy uuid[]) returns table (kind text, tenant_id uuid)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  return query
    (select 'relay', t.tenant_id from (select distinct o.tenant_id from outbox o where o.state = 'new') t order by random() limit 200)
    union all
    (select 'deliveries', t.tenant_id from (select distinct d.tenant_id from webhook_deliveries d
      where d.state in ('waiting', 'sending') and d.next_at <= moment and d.tenant_id <> all(busy)) t order by random() limit 200)
    union all
    (select 'holds', t.tenant_id from (select distinct o.tenant_id from orders o
      where o.stock_state = 'held' and o.hold_expires_at is not null and o.hold_expires_at <= moment) t order by random() limit 200)
    union all
    (select 'payments', t.tenant_id from (select distinct p.tenant_id from payments p
      where p.check_at is not null and p.check_at <= moment) t order by random() limit 200)
    union all
    (select 'refunds', t.tenant_id from (select distinct r.tenant_id from refunds r
      where r.check_at is not null and r.check_at <= moment) t order by random() limit 200);
end $$;

create function stale_rows(moment timestamptz) returns table (kind text, tenant_id uuid)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  return query
    (select distinct 'idempotency', i.tenant_id from idempotency_keys i where i.created_at <= moment - interval '24 hours' limit 50)
    union all
    (select distinct 'sessions', s.tenant_id from sessions s where s.expires_at <= moment limit 50)
    union all
    (select distinct 'outbox', o.tenant_id from outbox o
      where o.state = 'relayed' and o.created_at <= moment - interval '7 days' limit 50)
    union all
    (select distinct 'deliveries', d.tenant_id from webhook_deliveries d
      where d.finished_at is not null and d.finished_at <= moment - interval '30 days' limit 50);
end $$;

create function catalog_versions_of(wanted uuid[]) returns table (tenant_id uuid, version bigint)
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  return query select v.tenant_id, sum(v.version)::bigint from catalog_versions v where v.tenant_id = any(wanted) group by 1;
end $$;

create function tenants_of(person uuid) returns table (tenant_id uuid, number int, role text, permissions text[])
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  return query select m.tenant_id, m.number, m.role, m.permissions from members m where m.staff_id = person order by m.created_at;
end $$;

-- Whose an order is, where a request names nothing but the order.
create function tenant_of_order(wanted uuid) returns uuid
language plpgsql stable security definer set search_path = pg_catalog, public as $$
begin
  return (select o.tenant_id from orders o where o.id = wanted limit 1);
end $$;

alter function work_due(timestamptz, uuid[]) owner to merx_definer;
alter function stale_rows(timestamptz) owner to merx_definer;
alter function catalog_versions_of(uuid[]) owner to merx_definer;
alter function tenants_of(uuid) owner to merx_definer;
alter function tenant_of_order(uuid) owner to merx_definer;
