-- The sums of the plans of each country, so that stock does not read every plan. Triggers keep them, so that every
-- program that writes plans keeps them, also a daemon of the previous version.
--
-- free counts the plans that are in stock at counted_at. The plans that have expired since are subtracted when the sums
-- are read, and later moved out of free together with counted_at.
ALTER TABLE keyseat_countries ADD COLUMN plans bigint NOT NULL DEFAULT 0;
ALTER TABLE keyseat_countries ADD COLUMN size bigint NOT NULL DEFAULT 0;
ALTER TABLE keyseat_countries ADD COLUMN free bigint NOT NULL DEFAULT 0;
ALTER TABLE keyseat_countries ADD COLUMN held bigint NOT NULL DEFAULT 0;
ALTER TABLE keyseat_countries ADD COLUMN spent bigint NOT NULL DEFAULT 0;
ALTER TABLE keyseat_countries ADD COLUMN suspect bigint NOT NULL DEFAULT 0;
ALTER TABLE keyseat_countries ADD COLUMN counted_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE keyseat_countries SET (fillfactor = 20); -- because the sums of a few rows change all the time

CREATE INDEX keyseat_plans_expiry ON keyseat_plans (country, expires_at)
	WHERE NOT retired AND fault = '' AND expires_at IS NOT NULL;

-- An index on this column, and not on the counters, stays as it is while a plan has free slots left. Then PostgreSQL updates
-- the plan without a write to any index (a HOT update). It compensates for the triggers.
ALTER TABLE keyseat_plans ADD COLUMN has_free boolean GENERATED ALWAYS AS (held + spent + suspect < size) STORED;
DROP INDEX keyseat_plans_live;
CREATE INDEX keyseat_plans_live ON keyseat_plans (country, seq) WHERE NOT retired AND fault = '' AND has_free;

-- One statement may change very many plans, so the triggers run once for each statement.
CREATE OR REPLACE FUNCTION keyseat_count_plans() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	n CONSTANT bigint := TG_ARGV[0]; -- 1 adds the plans, -1 subtracts them
BEGIN
	UPDATE keyseat_countries AS x SET plans = x.plans + n * d.plans, size = x.size + n * d.size, free = x.free + n * d.free,
		held = x.held + n * d.held, spent = x.spent + n * d.spent, suspect = x.suspect + n * d.suspect
	FROM (
		SELECT c.code, count(*) AS plans, sum(p.size) AS size, sum(p.held) AS held, sum(p.spent) AS spent, sum(p.suspect) AS suspect,
			sum(CASE WHEN NOT p.retired AND p.fault = '' AND (p.expires_at IS NULL OR p.expires_at > c.counted_at)
				THEN p.size - p.held - p.spent - p.suspect ELSE 0 END) AS free
		FROM changed p JOIN keyseat_countries c ON c.code = p.country
		GROUP BY c.code) d
	WHERE x.code = d.code;
	RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION keyseat_count_updated_plans() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE keyseat_countries AS x SET plans = x.plans + d.plans, size = x.size + d.size, free = x.free + d.free,
		held = x.held + d.held, spent = x.spent + d.spent, suspect = x.suspect + d.suspect
	FROM (
		SELECT c.code, sum(n) AS plans, sum(n * p.size) AS size, sum(n * p.held) AS held, sum(n * p.spent) AS spent, sum(n * p.suspect) AS suspect,
			sum(CASE WHEN NOT p.retired AND p.fault = '' AND (p.expires_at IS NULL OR p.expires_at > c.counted_at)
				THEN n * (p.size - p.held - p.spent - p.suspect) ELSE 0 END) AS free
		FROM (SELECT -1 AS n, o.* FROM old_plans o UNION ALL SELECT 1, u.* FROM new_plans u) p
		JOIN keyseat_countries c ON c.code = p.country
		GROUP BY c.code) d
	WHERE x.code = d.code;
	RETURN NULL;
END $$;

CREATE TRIGGER keyseat_plans_inserted AFTER INSERT ON keyseat_plans
	REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION keyseat_count_plans('1');
CREATE TRIGGER keyseat_plans_deleted AFTER DELETE ON keyseat_plans
	REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION keyseat_count_plans('-1');
CREATE TRIGGER keyseat_plans_updated AFTER UPDATE ON keyseat_plans
	REFERENCING OLD TABLE AS old_plans NEW TABLE AS new_plans FOR EACH STATEMENT EXECUTE FUNCTION keyseat_count_updated_plans();

-- The triggers have locked the plans, so no other transaction changes them before this one ends.
UPDATE keyseat_countries AS x SET plans = d.plans, size = d.size, free = d.free, held = d.held, spent = d.spent, suspect = d.suspect
FROM (
	SELECT p.country, count(*) AS plans, sum(p.size) AS size, sum(p.held) AS held, sum(p.spent) AS spent, sum(p.suspect) AS suspect,
		sum(CASE WHEN NOT p.retired AND p.fault = '' AND (p.expires_at IS NULL OR p.expires_at > now())
			THEN p.size - p.held - p.spent - p.suspect ELSE 0 END) AS free
	FROM keyseat_plans p
	GROUP BY p.country) d
WHERE x.code = d.country;
