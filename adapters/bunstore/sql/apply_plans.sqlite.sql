WITH @moved, @wanted
SELECT @now, p.*
FROM moved
JOIN keyseat_plans p ON p.id = moved.id AND p.country = moved.country
UNION ALL
SELECT @now, p.*
FROM wanted
JOIN keyseat_plans p ON p.seq IN (
	SELECT p.seq FROM keyseat_plans p
	WHERE p.country = wanted.country
		AND NOT p.retired AND p.fault = '' AND (p.expires_at IS NULL OR p.expires_at > @now)
		AND p.held + p.spent + p.suspect < p.size
	ORDER BY p.seq LIMIT @most)
