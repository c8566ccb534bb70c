WITH @want
SELECT @now, k.*, t.*
FROM want
LEFT JOIN LATERAL (SELECT * FROM keyseat_keys k WHERE k.code = want.code LIMIT 1) k ON true
LEFT JOIN LATERAL (
	SELECT * FROM keyseat_tasks t
	WHERE t.code = k.code AND CASE t.id WHEN k.task_id THEN true END LIMIT 1) t ON true
ORDER BY want.place
