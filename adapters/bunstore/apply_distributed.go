package bunstore

import (
	"slices"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// look is [lockQuery] for a distributed store. It locks countries, which are on one server, and reads keys and
// tasks without a lock. The countries come first, because the wait for their locks can be long. Keys and
// tasks are read after it, so that other transactions have little time to change them before the write.
func readQueries(l *changeset, changes []tasks.Change) []question {
	about, in := rowsTouched(changes)
	named := args{"codes": about.texts(0), "ids": about.texts(1)}
	all := []question{{`SELECT k.code, k.version FROM keyseat_keys k WHERE k.code = ANY (@codes)`, named, func(r row) error {
		var code keys.Code
		var version int64
		err := r.scan([]field{text[keys.Code]{&code}, whole[int64]{&version}})
		l.keys[code], l.readVersions[taskKey{code: code}] = version, version
		return err
	}}, {`
		SELECT t.code, t.id, t.version, t.fence, t.ended_at FROM keyseat_tasks t
		WHERE t.code = ANY (@codes) AND (t.ended_at IS NULL OR t.id = ANY (@ids))`, named, func(r row) error {
		var name taskKey
		var now rowVersion
		err := r.scan([]field{text[keys.Code]{&name.code}, text[string]{&name.id}, whole[int64]{&now.version}, whole[int64]{&now.fence}, moment{&now.endedAt}})
		l.noteTask(name.code, name.id, now)
		l.readVersions[name] = now.version
		return err
	}}}
	if len(in.rows) == 0 {
		return all
	}
	return slices.Insert(all, 0, question{
		`SELECT c.code FROM keyseat_countries c WHERE c.code = ANY (@in) ORDER BY c.code FOR UPDATE OF c`,
		args{"in": in.texts(0)},
		func(r row) error {
			var code stock.Country
			err := r.scan([]field{text[stock.Country]{&code}})
			l.countries[code] = true
			return err
		},
	})
}

// remember is [forgiveApplied] for a distributed store. It locks the keys only because of the standby: see [forgiveApplied].
func appliedQueries(changes []tasks.Change, refused batch, errs []error) []question {
	named := args{"codes": refused.texts(0), "ids": refused.texts(1)}
	lock := question{lockKeysSQL, named, func(row) error { return nil }}
	return []question{lock, {`SELECT h.code, h.change_id FROM keyseat_history h WHERE h.code = ANY (@codes) AND h.change_id = ANY (@ids)`, named, func(r row) error {
		var code keys.Code
		var id string
		err := r.scan([]field{text[keys.Code]{&code}, text[string]{&id}})
		for i, c := range changes {
			if c.Code() == code && c.ID == id {
				errs[i] = nil
			}
		}
		return err
	}}}
}
