package bunstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgerrcode"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/dberr"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/tasks"
)

// Distributed reports whether the rows of keys and tasks may be on many servers, see [Options.Distributed]. While one of
// them is away, a statement about keys of several servers fails, and a statement about the other keys alone succeeds.
func (s *Store) Distributed() bool {
	_, is := s.layout.(distributed)
	return is
}

// workerAway reports whether a statement failed because the coordinator had no connection to a worker.
func workerAway(err error) bool {
	switch state := dberr.SQLState(err); state {
	case pgerrcode.AdminShutdown, pgerrcode.CrashShutdown, pgerrcode.CannotConnectNow:
		return true
	default:
		return pgerrcode.IsConnectionException(state)
	}
}

// lateOnShard returns the codes of the first late tasks of a shard as a JSON array. Citus replaces %%s by the shard.
const lateOnShard = `SELECT json_agg(x.code) FROM (SELECT code FROM %%s WHERE ended_at IS NULL AND coalesce(leased_until, due) <= '%s'
	ORDER BY coalesce(leased_until, due) LIMIT %d) x`

// reachableSQL runs a statement on each shard, and returns the results of the shards that can be reached.
const reachableSQL = `SELECT coalesce(r.result, '[]') FROM run_command_on_shards('keyseat_tasks', @command) r WHERE r.success`

// readReachable is like [readCandidates], for the tasks on servers that can be reached. It finds only late tasks. If it
// can reach no server, it returns the error away.
func readReachable(ctx context.Context, run query.Runner, n int, now time.Time, away error) (candidates, error) {
	var codes query.TextArray
	shards := 0
	command := fmt.Sprintf(lateOnShard, now.UTC().Format(time.RFC3339Nano), n)
	failed := run(ctx, query.Query{SQL: reachableSQL, Args: query.Args{"command": command}, Scan: func(r query.Row) error {
		var list string
		if err := r.Scan([]query.Column{query.Text(&list)}); err != nil {
			return err
		}
		var some []string
		err := json.Unmarshal([]byte(list), &some)
		codes, shards = append(codes, some...), shards+1
		return err
	}})
	if failed != nil || shards == 0 {
		return nil, away
	}
	if len(codes) == 0 {
		return nil, nil
	}
	return readViews(ctx, run, lateSQL, query.Args{"at": now, "n": n, "codes": codes})
}

// extendEach extends each lease by itself. The error of a lease on a server that is away is the error of its statement.
func (s *Store) extendEach(ctx context.Context, refs []tasks.Ref, ttl time.Duration) []error {
	errs := make([]error, len(refs))
	for i := range refs {
		one, err := s.writer().extend(ctx, refs[i:i+1], ttl)
		if errs[i] = err; err == nil {
			errs[i] = one[0]
		}
	}
	return errs
}
