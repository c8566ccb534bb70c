WITH @moved, @wanted
SELECT @now, p.*
FROM moved
JOIN LATERAL (SELECT * FROM keyseat_plans p WHERE p.id = moved.id AND p.country = moved.country LIMIT 1) p ON true
UNION ALL
SELECT @now, p.*
FROM wanted
CROSS JOIN LATERAL (
	SELECT * FROM keyseat_plans p
	WHERE p.country = wanted.country
		AND NOT p.retired AND p.fault = '' AND (p.expires_at IS NULL OR p.expires_at > @now)
		AND p.has_free
	ORDER BY p.seq LIMIT wanted.n) p
