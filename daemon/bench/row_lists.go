package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// listTarget is the longest time of a list.
const listTarget = 50 * time.Millisecond

// lists are lists of the admin API, each with its filter. Each # stands for a random order.
var lists = []string{
	"keys?", "keys?order_id=order-#", "keys?order_id=order-#&used=true", "keys?sort=newest", "keys?sort=oldest",
	"keys?status=active&sort=newest", "keys?status=success&sort=newest", "keys?status=failed", "keys?used=true", "keys?revoked=true", "keys?used=false&revoked=false&sort=newest",
	"keys?bought_after=2026-01-01", "keys?bought_before=2020-01-01", "keys?country=US", "keys?country=US&used=true", "keys?country=DE", "keys?plan=old-7",
	"tasks?", "tasks?sort=newest", "tasks?sort=oldest", "tasks?state=open", "tasks?state=waiting", "tasks?state=running", "tasks?state=retrying",
	"tasks?state=ended", "tasks?state=failed&sort=newest", "tasks?state=suspect", "tasks?outcome=plan_full", "tasks?outcome=wrong_address,success&sort=newest",
	"tasks?country=US", "tasks?country=US&state=failed&sort=newest", "tasks?country=DE", "tasks?plan=old-7", "tasks?since=2026-01-01", "tasks?until=2020-01-01",
	"plans?", "stock", "search?q=order-#",
}

// spreadSQL gives the tasks all outcomes, in the course of a year. Some of them have a suspect slot.
var spreadSQL = []string{`
	UPDATE keyseat_tasks t SET created_at = s.at, due = s.at, ended_at = s.at, outcome = s.outcome, kind = CASE s.outcome WHEN 'still_premium' THEN 'renew' ELSE 'upgrade' END,
		slot = CASE s.outcome WHEN 'success' THEN 'spent' WHEN 'system_error' THEN 'suspect' ELSE '' END
	FROM (SELECT code, id, now() - random() * interval '365 days' AS at, outcomes[1 + floor(random() * 13)::int] AS outcome FROM keyseat_tasks,
		(SELECT ARRAY['success', 'system_error', 'invalid_credentials', 'account_locked', 'out_of_stock', 'already_premium', 'upgraded_recently',
			'plan_expired', 'plan_full', 'plan_invalid', 'already_member', 'wrong_address', 'still_premium'] AS outcomes) o) s
	WHERE t.code = s.code AND t.id = s.id`}

// rowLists measures each list on one connection, and reports the slowest.
func rowLists(ctx context.Context, b *bench) ([]result, error) {
	tokens := b.path("tokens")
	token, err := b.runKeyseatd(ctx, nil, "admin-token", "add", tokens, "--name", "bench", "--role", "read")
	if err != nil {
		return nil, err
	}
	s, err := b.newSetup(ctx, "--connector", "sim", "--admin-token-file", tokens)
	if err != nil {
		return nil, err
	}
	s.keys = b.size(10_000_000)
	g := &growth{setup: s, used: s.keys / 5}
	if err := g.fill(ctx); err != nil {
		return nil, err
	}
	if err := execute(ctx, s.url, append(spreadSQL, maintenanceSQL...)...); err != nil {
		return nil, err
	}
	server, err := s.startOurs(ctx)
	if err != nil {
		return nil, err
	}
	defer server.kill()
	return s.measureLists(ctx, server, string(bytes.TrimSpace(token)))
}

// measureLists measures each list for a part of the measurements' time.
func (s *setup) measureLists(ctx context.Context, server *server, token string) ([]result, error) {
	var slowest sample
	worst, length := "", max(time.Second, s.length*time.Duration(s.rounds)/time.Duration(len(lists)))
	for _, list := range lists {
		got, err := load{1, length, 0, listRequests(list, token, s.keys)}.on(ctx, server.admin)
		if err != nil {
			return nil, fmt.Errorf("%s: %w: %s", list, err, server.logTail())
		}
		s.logf("  %s: %s", list, series{got}.latencyText())
		if got.p99 >= slowest.p99 {
			slowest, worst = got, list
		}
	}
	what := fmt.Sprintf("the slowest of %d lists and filters of the admin API among %d keys and %d tasks, p99", len(lists), s.keys, s.keys/5)
	return []result{atMost(what, worst+": "+series{slowest}.latencyText(), slowest.p99, listTarget)}, nil
}

// listRequests requests a list.
func listRequests(list, token string, keys int) generator {
	return func(r *request) bool {
		path := strings.ReplaceAll(list, "#", fmt.Sprint(rand.IntN(keys/3)))
		r.raw = fmt.Appendf(r.raw[:0], "GET /admin/v1/%s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n\r\n", path, token)
		r.want = append(r.want[:0], '{')
		return true
	}
}
