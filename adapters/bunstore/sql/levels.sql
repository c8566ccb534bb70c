-- Stock of tasks.Store, and the care of its sums.
--
-- The row of a country has the sums of its plans. Triggers keep them: see the migration country_sums. Expiry needs no
-- write, because the sum of the free slots is as of the time counted_at:
--
--   free now  =  free at counted_at  -  free slots of the plans that expire between counted_at and now
--
-- The index keyseat_plans_expiry has these plans. The statement deduct sets counted_at to now, so that they stay few.
-- If counted_at is after now, because the clock was set back, the plans between both are added.

-- name: levels
SELECT c.code, c.size, c.free, c.held, c.spent, c.suspect, CAST(coalesce((
	SELECT sum(CASE WHEN p.expires_at > c.counted_at THEN 1 ELSE -1 END * (p.size - p.held - p.spent - p.suspect))
	FROM keyseat_plans p
	WHERE p.country = c.code AND NOT p.retired AND p.fault = ''
		AND p.expires_at > CASE WHEN c.counted_at < @now THEN c.counted_at ELSE @now END
		AND p.expires_at <= CASE WHEN c.counted_at < @now THEN @now ELSE c.counted_at END), 0) AS bigint)
FROM keyseat_countries c WHERE c.plans > 0 ORDER BY c.code

-- The statement finds the countries with plans that have expired since counted_at.
-- name: expired
SELECT c.code FROM keyseat_countries c
WHERE EXISTS (
	SELECT 1 FROM keyseat_plans p
	WHERE p.country = c.code AND NOT p.retired AND p.fault = ''
		AND p.expires_at > c.counted_at AND p.expires_at <= @now)

-- name: deduct
WITH @country
UPDATE keyseat_countries AS c SET counted_at = @now, free = c.free - CAST(coalesce((
	SELECT sum(CASE WHEN p.expires_at > c.counted_at THEN 1 ELSE -1 END * (p.size - p.held - p.spent - p.suspect))
	FROM keyseat_plans p
	WHERE p.country = c.code AND NOT p.retired AND p.fault = ''
		AND p.expires_at > CASE WHEN c.counted_at < @now THEN c.counted_at ELSE @now END
		AND p.expires_at <= CASE WHEN c.counted_at < @now THEN @now ELSE c.counted_at END), 0) AS bigint)
WHERE c.code IN (SELECT code FROM country)

-- The statement reads the stored sums of each country, and the sums over its plans. The columns have the order of the
-- fields of audit.LevelAudit.
-- name: audit levels
SELECT c.code, c.plans, c.size, c.free, c.held, c.spent, c.suspect, count(p.id),
	CAST(coalesce(sum(p.size), 0) AS bigint),
	CAST(coalesce(sum(CASE WHEN NOT p.retired AND p.fault = '' AND (p.expires_at IS NULL OR p.expires_at > c.counted_at)
		THEN p.size - p.held - p.spent - p.suspect ELSE 0 END), 0) AS bigint),
	CAST(coalesce(sum(p.held), 0) AS bigint), CAST(coalesce(sum(p.spent), 0) AS bigint), CAST(coalesce(sum(p.suspect), 0) AS bigint)
FROM keyseat_countries c LEFT JOIN keyseat_plans p ON p.country = c.code
GROUP BY c.code ORDER BY c.code

-- name: fix level
WITH @country
UPDATE keyseat_countries AS x
SET plans = d.plans, size = d.size, free = d.free, held = d.held, spent = d.spent, suspect = d.suspect
FROM (
	SELECT c.code, count(p.id) AS plans, coalesce(sum(p.size), 0) AS size,
		coalesce(sum(CASE WHEN NOT p.retired AND p.fault = '' AND (p.expires_at IS NULL OR p.expires_at > c.counted_at)
			THEN p.size - p.held - p.spent - p.suspect ELSE 0 END), 0) AS free,
		coalesce(sum(p.held), 0) AS held, coalesce(sum(p.spent), 0) AS spent, coalesce(sum(p.suspect), 0) AS suspect
	FROM keyseat_countries c LEFT JOIN keyseat_plans p ON p.country = c.code
	WHERE c.code IN (SELECT code FROM country) GROUP BY c.code) d
WHERE x.code = d.code
