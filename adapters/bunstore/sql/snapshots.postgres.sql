WITH @want
SELECT @now,
	k.code, k.version, k.status, k.used, k.revoked, k.message, k.username, k.verify_address, k.invite, k.address,
	k.order_id, k.purchase_date, k.used_date, k.task_id, k.limit_at,
	t.id, t.code, t.kind, t.country, t.version, t.fence, t.plan_id, t.plan_address, t.plan_invite, t.ordinal, t.slot,
	t.faulty, t.asked, t.tries, t.lost, t.doubt, t.first_asked, t.created_at, t.due, t.leased_until, t.ended_at,
	t.outcome, t.sealed
FROM want
LEFT JOIN LATERAL (SELECT * FROM keyseat_keys k WHERE k.code = want.code LIMIT 1) k ON true
LEFT JOIN LATERAL (
	SELECT * FROM keyseat_tasks t
	WHERE t.code = k.code AND CASE t.id WHEN k.task_id THEN true END LIMIT 1) t ON true
ORDER BY want.place
