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
