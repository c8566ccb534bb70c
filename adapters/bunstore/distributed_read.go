package bunstore

import (
	"context"
	"slices"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

var snapshotsDistributedSQL = `
	SELECT @at, ` + viewColumns + ` FROM keyseat_keys k
	LEFT JOIN keyseat_tasks t ON t.code = k.code AND t.id = k.task_id
	WHERE k.code = ANY (@codes)`

// snapshots implements [layout]. A statement cannot join the wanted codes with the keys of many servers, so its
// result lacks unknown keys. Each of them gets an empty snapshot.
func (distributed) snapshots(ctx context.Context, run query.Runner, codes []keys.Code) ([]tasks.Snapshot, error) {
	now, err := readTime(ctx, run)
	if err != nil {
		return nil, err
	}
	found, one := map[keys.Code]tasks.Snapshot{}, newSnapshotScanner()
	args := query.Args{"at": now, "codes": codeTexts(codes)}
	err = run(ctx, query.Query{SQL: snapshotsDistributedSQL, Args: args, Scan: func(r query.Row) error {
		v, err := one.scan(r)
		found[v.Key.Code] = v
		return err
	}})
	views := make([]tasks.Snapshot, len(codes))
	for i, code := range codes {
		v, known := found[code]
		if !known {
			v.At = now
		}
		views[i] = v
	}
	return views, err
}

// lockQueries implements [layout]. It locks countries, which are on one server, and reads keys and tasks without a
// lock. The countries come first, because the wait for their locks can be long. Keys and tasks are read after
// this wait, so that other transactions have little time to change them before the write.
func (distributed) lockQueries(cs *changeset, changes []tasks.Change) []query.Query {
	about, in := rowsTouched(changes)
	named := query.Args{"codes": about.Texts("code"), "ids": about.Texts("id")}
	all := []query.Query{{SQL: `SELECT k.code, k.version FROM keyseat_keys k WHERE k.code = ANY (@codes)`, Args: named, Scan: func(r query.Row) error {
		var code keys.Code
		var version int64
		err := r.Scan([]query.Column{query.Text(&code), query.Int(&version)})
		cs.keys[code], cs.readVersions[taskKey{code: code}] = version, version
		return err
	}}, {SQL: `
		SELECT t.code, t.id, t.version, t.fence, t.ended_at FROM keyseat_tasks t
		WHERE t.code = ANY (@codes) AND (t.ended_at IS NULL OR t.id = ANY (@ids))`, Args: named, Scan: func(r query.Row) error {
		var name taskKey
		var now rowVersion
		err := r.Scan([]query.Column{query.Text(&name.code), query.Text(&name.id), query.Int(&now.version), query.Int(&now.fence), query.Time(&now.endedAt)})
		cs.noteTask(name.code, name.id, now)
		cs.readVersions[name] = now.version
		return err
	}}}
	if len(in.Values) == 0 {
		return all
	}
	return slices.Insert(all, 0, query.Query{
		SQL:  `SELECT c.code FROM keyseat_countries c WHERE c.code = ANY (@in) ORDER BY c.code FOR UPDATE OF c`,
		Args: query.Args{"in": in.Texts("code")},
		Scan: func(r query.Row) error {
			var code stock.Country
			err := r.Scan([]query.Column{query.Text(&code)})
			cs.countries[code] = true
			return err
		},
	})
}

// appliedQueries implements [layout]. The first query locks the keys, only so that COMMIT waits for a synchronous
// standby: see [forgiveApplied].
func (distributed) appliedQueries(changes []tasks.Change, refused query.Rows, errs []error) []query.Query {
	named := query.Args{"codes": refused.Texts("code"), "ids": refused.Texts("id")}
	lock := query.Query{SQL: lockKeysSQL, Args: named, Scan: func(query.Row) error { return nil }}
	return []query.Query{lock, {SQL: `SELECT h.code, h.change_id FROM keyseat_history h WHERE h.code = ANY (@codes) AND h.change_id = ANY (@ids)`, Args: named, Scan: func(r query.Row) error {
		var code keys.Code
		var id string
		err := r.Scan([]query.Column{query.Text(&code), query.Text(&id)})
		for i, c := range changes {
			if c.Code() == code && c.ID == id {
				errs[i] = nil
			}
		}
		return err
	}}}
}
