-- The sums of the plans of each country, so that stock does not read every plan. Triggers keep them, so that every
-- program that writes plans keeps them.
--
-- free counts the plans that are in stock at counted_at. The plans that have expired since are subtracted when the sums
-- are read, and later moved out of free together with counted_at.
ALTER TABLE keyseat_countries ADD COLUMN plans INTEGER NOT NULL DEFAULT 0;
ALTER TABLE keyseat_countries ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
ALTER TABLE keyseat_countries ADD COLUMN free INTEGER NOT NULL DEFAULT 0;
ALTER TABLE keyseat_countries ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
ALTER TABLE keyseat_countries ADD COLUMN spent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE keyseat_countries ADD COLUMN suspect INTEGER NOT NULL DEFAULT 0;
ALTER TABLE keyseat_countries ADD COLUMN counted_at INTEGER NOT NULL DEFAULT 0;

CREATE INDEX keyseat_plans_expiry ON keyseat_plans (country, expires_at)
	WHERE NOT retired AND fault = '' AND expires_at IS NOT NULL;

CREATE TRIGGER keyseat_plans_inserted AFTER INSERT ON keyseat_plans BEGIN
	UPDATE keyseat_countries SET plans = plans + 1, size = size + NEW.size, held = held + NEW.held, spent = spent + NEW.spent, suspect = suspect + NEW.suspect,
		free = free + CASE WHEN NOT NEW.retired AND NEW.fault = '' AND (NEW.expires_at IS NULL OR NEW.expires_at > counted_at)
			THEN NEW.size - NEW.held - NEW.spent - NEW.suspect ELSE 0 END
	WHERE code = NEW.country;
END;

CREATE TRIGGER keyseat_plans_deleted AFTER DELETE ON keyseat_plans BEGIN
	UPDATE keyseat_countries SET plans = plans - 1, size = size - OLD.size, held = held - OLD.held, spent = spent - OLD.spent, suspect = suspect - OLD.suspect,
		free = free - CASE WHEN NOT OLD.retired AND OLD.fault = '' AND (OLD.expires_at IS NULL OR OLD.expires_at > counted_at)
			THEN OLD.size - OLD.held - OLD.spent - OLD.suspect ELSE 0 END
	WHERE code = OLD.country;
END;

CREATE TRIGGER keyseat_plans_updated AFTER UPDATE ON keyseat_plans WHEN NEW.country = OLD.country BEGIN
	UPDATE keyseat_countries SET size = size + NEW.size - OLD.size, held = held + NEW.held - OLD.held, spent = spent + NEW.spent - OLD.spent,
		suspect = suspect + NEW.suspect - OLD.suspect,
		free = free + CASE WHEN NOT NEW.retired AND NEW.fault = '' AND (NEW.expires_at IS NULL OR NEW.expires_at > counted_at)
			THEN NEW.size - NEW.held - NEW.spent - NEW.suspect ELSE 0 END
		- CASE WHEN NOT OLD.retired AND OLD.fault = '' AND (OLD.expires_at IS NULL OR OLD.expires_at > counted_at)
			THEN OLD.size - OLD.held - OLD.spent - OLD.suspect ELSE 0 END
	WHERE code = NEW.country;
END;

CREATE TRIGGER keyseat_plans_moved AFTER UPDATE ON keyseat_plans WHEN NEW.country <> OLD.country BEGIN
	UPDATE keyseat_countries SET plans = plans - 1, size = size - OLD.size, held = held - OLD.held, spent = spent - OLD.spent, suspect = suspect - OLD.suspect,
		free = free - CASE WHEN NOT OLD.retired AND OLD.fault = '' AND (OLD.expires_at IS NULL OR OLD.expires_at > counted_at)
			THEN OLD.size - OLD.held - OLD.spent - OLD.suspect ELSE 0 END
	WHERE code = OLD.country;
	UPDATE keyseat_countries SET plans = plans + 1, size = size + NEW.size, held = held + NEW.held, spent = spent + NEW.spent, suspect = suspect + NEW.suspect,
		free = free + CASE WHEN NOT NEW.retired AND NEW.fault = '' AND (NEW.expires_at IS NULL OR NEW.expires_at > counted_at)
			THEN NEW.size - NEW.held - NEW.spent - NEW.suspect ELSE 0 END
	WHERE code = NEW.country;
END;

UPDATE keyseat_countries SET counted_at = CAST(strftime('%s', 'now') AS INTEGER) * 1000000;
UPDATE keyseat_countries AS x SET plans = d.plans, size = d.size, free = d.free, held = d.held, spent = d.spent, suspect = d.suspect
FROM (
	SELECT c.code, count(*) AS plans, sum(p.size) AS size, sum(p.held) AS held, sum(p.spent) AS spent, sum(p.suspect) AS suspect,
		sum(CASE WHEN NOT p.retired AND p.fault = '' AND (p.expires_at IS NULL OR p.expires_at > c.counted_at)
			THEN p.size - p.held - p.spent - p.suspect ELSE 0 END) AS free
	FROM keyseat_plans p JOIN keyseat_countries c ON c.code = p.country
	GROUP BY c.code) d
WHERE x.code = d.code;
