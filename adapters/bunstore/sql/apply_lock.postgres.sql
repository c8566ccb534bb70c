WITH @about, @country,
k AS MATERIALIZED (
	SELECT k.code, k.version
	FROM (SELECT code FROM about GROUP BY code ORDER BY code) a
	JOIN LATERAL (SELECT * FROM keyseat_keys k WHERE k.code = a.code FOR UPDATE) k ON true),
t AS MATERIALIZED (
	SELECT t.code, t.id, t.version, t.fence, t.ended_at
	FROM (SELECT code, id FROM about GROUP BY code, id ORDER BY code, id) a
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
