-- A search for a word that every product has, or for a beginning of very many words (docs/adr/0023). `shared`: how many
-- letters at its beginning a word shares with a heavier one of the same product, or one as heavy that comes before it
-- (words.shared), so that of all its words which begin as asked exactly one is found, and a list in the order of an index
-- needs nothing sorted and nothing made unique.
--
-- The table is made anew. Meanwhile nobody reads or writes search_words (ACCESS EXCLUSIVE, on no other table): no search
-- and no change of a product goes through, and all else does. A few seconds for ten thousand products, a minute for a
-- hundred thousand.
lock table search_words in access exclusive mode;
alter table search_words no force row level security;  -- the rows of all tenants are copied
alter table search_words rename to search_words_before;
alter table search_words_before rename constraint search_words_pkey to search_words_before_pkey;

create table search_words (
  tenant_id uuid not null,
  product_id uuid not null,
  word text collate "C" not null,
  weight smallint not null,                                      -- name before SKU before description
  shared smallint not null,
  shown boolean not null,                                        -- the product is active
  triple text collate "C" not null generated always as (left(word, 3)) stored
);
insert into search_words (tenant_id, product_id, word, weight, shared, shown)
select w.tenant_id, w.product_id, w.word, w.weight, coalesce(s.shared, 0), w.shown
from search_words_before w
  left join (
    select w.tenant_id, w.product_id, w.word, max((
      select max(l.letters) from generate_series(1, least(length(w.word), length(h.word))) as l (letters)
      where left(w.word, l.letters) = left(h.word, l.letters))) as shared
    from search_words_before w join search_words_before h
      on h.tenant_id = w.tenant_id and h.product_id = w.product_id and left(h.word, 1) = left(w.word, 1)
        and (h.weight > w.weight or (h.weight = w.weight and h.word < w.word))
    group by w.tenant_id, w.product_id, w.word) as s
  on s.tenant_id = w.tenant_id and s.product_id = w.product_id and s.word = w.word;
drop table search_words_before;

alter table search_words add primary key (tenant_id, product_id, word);
-- A word's products in the order in which a search shows them, and those of the first three letters.
create index search_words_ranked on search_words (tenant_id, shown, word, weight desc, product_id desc) include (shared);
create index search_words_begun on search_words (tenant_id, triple, weight desc, product_id desc) include (shared)
  where shown and shared < 3;

alter table search_words enable row level security;
alter table search_words force row level security;
create policy tenant on search_words
  using (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid)
  with check (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
analyze search_words;
