-- SQLite turns a comparison in a query around if its right side is a column, but not the one of a partial index. It then
-- does not recognize that they are the same, so it never used this index, and a claim read all full plans.
DROP INDEX IF EXISTS keyseat_plans_live;
CREATE INDEX keyseat_plans_live ON keyseat_plans (country, seq)
	WHERE NOT retired AND fault = '' AND size > held + spent + suspect;
