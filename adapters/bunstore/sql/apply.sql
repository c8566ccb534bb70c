-- Apply of tasks.Store, on one server.

-- The statement locks keys, then tasks, then countries, because UNION ALL reads its arms in order. For each key it
-- reads all tasks, which are few, and a CASE selects the open one and the one with the change's id. With OR instead of
-- CASE, PostgreSQL may read every open task of the table. Tasks are locked in the order of their bytes, as by Extend.
-- Without COLLATE, the language of the database would sort the codes of the argument.
-- name: lock
WITH @about, @country,
k AS MATERIALIZED (
	SELECT k.code, k.version
	FROM (SELECT code FROM about GROUP BY code ORDER BY code COLLATE "C") a
	JOIN LATERAL (SELECT * FROM keyseat_keys k WHERE k.code = a.code FOR UPDATE) k ON true),
t AS MATERIALIZED (
	SELECT t.code, t.id, t.version, t.fence, t.ended_at
	FROM (SELECT code, id FROM about GROUP BY code, id ORDER BY code COLLATE "C", id COLLATE "C") a
	JOIN LATERAL (
		SELECT * FROM keyseat_tasks t
		WHERE t.code = a.code AND CASE WHEN t.ended_at IS NULL THEN true ELSE t.id = a.id END
		FOR UPDATE) t ON true),
c AS MATERIALIZED (
	SELECT c.code FROM keyseat_countries c
	WHERE c.code IN (SELECT code FROM country) ORDER BY c.code FOR UPDATE OF c)
SELECT 'key', code, '', version, CAST(0 AS bigint), CAST(NULL AS timestamptz) FROM k
UNION ALL SELECT 'task', code, id, version, fence, ended_at FROM t
UNION ALL SELECT 'country', code, '', 0, 0, NULL FROM c

-- SQLite has locked the whole database already, so the statement only reads.
-- name: lock sqlite
WITH @about, @country
SELECT 'key', k.code, '', k.version, 0, NULL
FROM (SELECT code FROM about GROUP BY code) a
JOIN keyseat_keys k ON k.code = a.code
UNION ALL
SELECT 'task', t.code, t.id, t.version, t.fence, t.ended_at
FROM (SELECT code, id FROM about GROUP BY code, id) a
JOIN keyseat_tasks t ON t.code = a.code AND CASE WHEN t.ended_at IS NULL THEN true ELSE t.id = a.id END
UNION ALL
SELECT 'country', c.code, '', 0, 0, NULL
FROM keyseat_countries c WHERE c.code IN (SELECT code FROM country)

-- The statement reads the plans of transfers, and the oldest plans with a free slot in each country of a claim. The
-- condition on the country is BETWEEN, because with an equality the server may read the plans in the order of seq. If
-- its statistics say that few plans are full, it would read all full plans that way.
-- name: plans
WITH @moved, @wanted
SELECT @now, p.*
FROM moved
JOIN LATERAL (SELECT * FROM keyseat_plans p WHERE p.id = moved.id AND p.country = moved.country LIMIT 1) p ON true
UNION ALL
SELECT @now, p.*
FROM wanted
CROSS JOIN LATERAL (
	SELECT * FROM keyseat_plans p
	WHERE p.country BETWEEN wanted.country AND wanted.country
		AND NOT p.retired AND p.fault = '' AND (p.expires_at IS NULL OR p.expires_at > @now)
		AND p.has_free
	ORDER BY p.country, p.seq LIMIT wanted.n) p

-- All countries have the same limit, because a LIMIT cannot depend on a row in SQLite.
-- name: plans sqlite
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
		AND p.size > p.held + p.spent + p.suspect
	ORDER BY p.seq LIMIT @most)

-- name: applied
WITH @refused
SELECT refused.code, refused.id FROM refused
WHERE EXISTS (SELECT 1 FROM keyseat_history h WHERE h.code = refused.code AND h.change_id = refused.id)

-- name: applied distributed
SELECT h.code, h.change_id FROM keyseat_history h WHERE h.code = ANY (@codes) AND h.change_id = ANY (@ids)
