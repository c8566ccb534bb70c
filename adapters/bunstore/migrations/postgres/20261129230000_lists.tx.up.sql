-- The lists and the search of operators. A list merges ranges of an index in which the rows have the order of the
-- list: the statuses of keys, or the outcomes of tasks. A key without a purchase date has the zero time of Go.
CREATE INDEX IF NOT EXISTS keyseat_keys_state ON keyseat_keys (status, used, revoked, (coalesce(purchase_date, timestamptz '0001-01-01 00:00:00+00')), code);
CREATE INDEX IF NOT EXISTS keyseat_keys_order ON keyseat_keys (order_id text_pattern_ops, (coalesce(purchase_date, timestamptz '0001-01-01 00:00:00+00')), code) WHERE order_id <> '';
CREATE INDEX IF NOT EXISTS keyseat_keys_username ON keyseat_keys (username text_pattern_ops) WHERE username <> '';
CREATE INDEX IF NOT EXISTS keyseat_keys_end ON keyseat_keys ((right(code, 5))) WHERE length(code) >= 20;

-- Open tasks have the outcome ''. They are in the first index only, because they change often.
CREATE INDEX IF NOT EXISTS keyseat_tasks_by_outcome ON keyseat_tasks (outcome, created_at, id);
CREATE INDEX IF NOT EXISTS keyseat_tasks_by_country ON keyseat_tasks (country, outcome, created_at, id) WHERE outcome <> '';
CREATE INDEX IF NOT EXISTS keyseat_tasks_by_plan ON keyseat_tasks (plan_id, created_at, id) WHERE plan_id <> '' AND outcome <> '';

-- The index by outcome replaces it. A query about all tasks of a period names all outcomes.
DROP INDEX IF EXISTS keyseat_tasks_created;
