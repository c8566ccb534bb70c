WITH @want
SELECT @now,
	k.code, k.version, k.status, k.used, k.revoked, k.message, k.username, k.verify_address, k.invite, k.address,
	k.order_id, k.purchase_date, k.used_date, k.task_id, k.limit_at,
	t.id, t.code, t.kind, t.country, t.version, t.fence, t.plan_id, t.plan_address, t.plan_invite, t.ordinal, t.slot,
	t.faulty, t.asked, t.tries, t.lost, t.doubt, t.first_asked, t.created_at, t.due, t.leased_until, t.ended_at,
	t.outcome, t.sealed
FROM want
LEFT JOIN keyseat_keys k ON k.code = want.code
LEFT JOIN keyseat_tasks t ON t.code = k.code AND t.id = k.task_id
ORDER BY want.place
