WITH @due
SELECT @now, k.*, t.*
FROM due
JOIN keyseat_tasks t ON t.code = due.code AND t.id = due.id
JOIN keyseat_keys k ON k.code = t.code
ORDER BY due.place
