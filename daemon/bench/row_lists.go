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

// lists are lists of the admin API, each with its filter. Each # stands for a random number.
var lists = []string{
	"keys?", "keys?order_id=order-#", "keys?order_id=order-#&used=true", "keys?sort=newest", "keys?sort=oldest",
	"keys?status=active&sort=newest", "keys?status=in_queue", "keys?status=success&sort=newest", "keys?status=failed", "keys?used=true", "keys?revoked=true",
	"keys?used=false&revoked=false&sort=newest", "keys?bought_after=2026-01-01", "keys?bought_before=2020-01-01",
	"keys?country=US", "keys?country=US&used=true", "keys?country=DE&sort=newest", "keys?country=DE&status=failed", "keys?plan=plan-#",
	"tasks?", "tasks?sort=newest", "tasks?sort=oldest", "tasks?state=open", "tasks?state=waiting", "tasks?state=running", "tasks?state=retrying",
	"tasks?state=ended", "tasks?state=failed&sort=newest", "tasks?state=suspect", "tasks?outcome=plan_full", "tasks?outcome=wrong_address,success&sort=newest",
	"tasks?country=US", "tasks?country=US&state=failed&sort=newest", "tasks?country=DE&state=retrying", "tasks?plan=plan-#", "tasks?since=2026-01-01", "tasks?until=2020-01-01",
	"activity?", "activity?sort=oldest", "activity?actor=operator-7", "activity?action=revoke_key", "activity?subject=plan-#", "activity?since=2026-01-01", "activity?until=2020-01-01",
	"plans?", "stock", "search?q=order-#", "search?q=plan-#",
}

// rowLists measures each list on one connection, on both databases. It reports the slowest of each.
func rowLists(ctx context.Context, b *bench) ([]result, error) {
	postgres, err := b.createDatabase(ctx)
	if err != nil {
		return nil, err
	}
	tokens := b.path("tokens")
	token, err := b.runKeyseatd(ctx, nil, "admin-token", "add", tokens, "--name", "bench", "--role", "read")
	if err != nil {
		return nil, err
	}
	silent, err := (&provider{silent: true}).start(ctx)
	if err != nil {
		return nil, err
	}
	flags := append(acceptOnly(silent), "--lease", "1h", "--master-key-file", b.master, "--admin-token-file", tokens)
	var all []result
	for _, fill := range []listFill{postgresFill(postgres), sqliteFill(b.path("lists.db"))} {
		fill.keys = b.size(10_000_000)
		start := time.Now()
		if _, err := b.runKeyseatd(ctx, nil, "migrate", "--database", fill.url); err != nil {
			return nil, err
		}
		if err := fill.run(ctx); err != nil {
			return nil, err
		}
		b.logf("  %s filled in %s", fill.name, duration(float64(time.Since(start))))
		slowest, err := b.measureLists(ctx, fill, string(bytes.TrimSpace(token)), flags)
		if err != nil {
			return nil, err
		}
		all = append(all, slowest)
	}
	return all, nil
}

// measureLists measures each list for a part of the measurements' time.
func (b *bench) measureLists(ctx context.Context, f listFill, token string, flags []string) (slowest result, err error) {
	server, err := b.serve(ctx, f.url, flags...)
	if err != nil {
		return result{}, err
	}
	defer server.kill()
	longest, length := time.Duration(0), max(time.Second, b.length*time.Duration(b.rounds)/time.Duration(len(lists)))
	what := fmt.Sprintf("the slowest of %d lists and filters of the admin API among %d keys and %d tasks on %s, p99", len(lists), f.keys, f.used(), f.name)
	for _, list := range lists {
		got, err := load{1, length, 0, listRequests(list, token, f.used())}.on(ctx, server.admin)
		if err != nil {
			return result{}, fmt.Errorf("%s: %w: %s", list, err, server.logTail())
		}
		text := series{got}.latencyText()
		b.logf("  %s: %s", list, text)
		if got.p99 >= longest {
			longest, slowest = got.p99, atMost(what, list+": "+text, got.p99, listTarget)
		}
	}
	return slowest, nil
}

// listRequests requests a list.
func listRequests(list, token string, used int) generator {
	return func(r *request) bool {
		path := strings.ReplaceAll(list, "#", fmt.Sprint(rand.IntN(used/slotsPerPlan)))
		r.raw = fmt.Appendf(r.raw[:0], "GET /admin/v1/%s HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\n\r\n", path, token)
		r.want = append(r.want[:0], '{')
		return true
	}
}
