WITH @due
SELECT @now,
	k.code, k.version, k.status, k.used, k.revoked, k.message, k.username, k.verify_address, k.invite, k.address,
	k.order_id, k.purchase_date, k.used_date, k.task_id, k.limit_at,
	t.id, t.code, t.kind, t.country, t.version, t.fence, t.plan_id, t.plan_address, t.plan_invite, t.ordinal, t.slot,
	t.faulty, t.asked, t.tries, t.lost, t.doubt, t.first_asked, t.created_at, t.due, t.leased_until, t.ended_at,
	t.outcome, t.sealed
FROM due
JOIN keyseat_tasks t ON t.code = due.code AND t.id = due.id
JOIN keyseat_keys k ON k.code = t.code
ORDER BY due.place
