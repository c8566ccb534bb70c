WITH @want
SELECT @now, k.*, t.*
FROM want
LEFT JOIN keyseat_keys k ON k.code = want.code
LEFT JOIN keyseat_tasks t ON t.code = k.code AND t.id = k.task_id
ORDER BY want.place
