package bunstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/pgxconn"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// Search implements [adminstore.AdminStore]. Each condition reads one part of an index.
func (s *Store) Search(ctx context.Context, q adminstore.Search) (found adminstore.Found, err error) {
	if q.Text == "" || q.Limit <= 0 {
		return found, nil
	}
	err = s.reader().retryRead(ctx, pgxconn.Ordered, func(run query.Runner) error {
		found = adminstore.Found{}
		now, err := readTime(ctx, run)
		if err != nil {
			return err
		}
		all := s.searchQueries(q, &found)
		for i := range all {
			all[i].Rare, all[i].Args["time"] = true, now
		}
		return run(ctx, all...)
	})
	code := func(v tasks.Snapshot) string { return string(v.Key.Code) }
	slices.SortFunc(found.Codes, func(x, y tasks.Snapshot) int { return cmp.Compare(code(x), code(y)) })
	found.Codes = slices.CompactFunc(found.Codes, func(x, y tasks.Snapshot) bool { return code(x) == code(y) })
	found.Codes = found.Codes[:min(q.Limit, len(found.Codes))]
	if errors.Is(err, query.ErrInvalidText) { // such a text is in no row
		return adminstore.Found{}, nil
	}
	return found, s.wrap("search", err)
}

// searchQueries returns the queries of a search, which add to found.
func (s *Store) searchQueries(q adminstore.Search, found *adminstore.Found) (all []query.Query) {
	key := func(to *[]tasks.Snapshot, condition, order string, args query.Args) {
		all = append(all, query.Query{Args: args, Scan: appendSnapshots(to), SQL: fmt.Sprintf(`
			SELECT @time, %s FROM (SELECT k.code FROM keyseat_keys k WHERE %s %s LIMIT %d) AS page
			JOIN keyseat_keys k ON k.code = page.code
			LEFT JOIN keyseat_tasks t ON t.code = k.code AND t.id = k.task_id %s`, viewColumns, condition, order, q.Limit, order)})
	}
	key(&found.Codes, "k.code = ANY (@codes)", "", query.Args{"codes": codeTexts(q.Codes)})
	for _, text := range q.Prefixes {
		key(&found.Codes, "k.code >= @text AND k.code < @end", "ORDER BY k.code", prefixArgs(text))
	}
	for _, text := range q.Ends {
		// There is no ORDER BY: the index on the end has no order among the few codes with the same end.
		key(&found.Codes, s.codeEnd()+" = @text AND length(k.code) >= 20", "", query.Args{"text": text})
	}
	for column, to := range map[string]*[]tasks.Snapshot{"order_id": &found.Orders, "username": &found.Usernames} {
		in := strings.NewReplacer("%", column)
		key(to, in.Replace("k.% ~>=~ @text AND k.% ~<~ @end AND k.% <> ''"), in.Replace("ORDER BY k.% USING ~<~"), prefixArgs(q.Text))
	}
	return append(all, query.Query{Args: prefixArgs(q.Text), Scan: appendSnapshots(&found.Tasks), SQL: fmt.Sprintf(`
		SELECT @time, %s FROM (SELECT t.code, t.id FROM keyseat_tasks t WHERE t.id >= @text AND t.id < @end ORDER BY t.id LIMIT %d) AS page
		JOIN keyseat_tasks t ON t.code = page.code AND t.id = page.id JOIN keyseat_keys k ON k.code = t.code ORDER BY t.id`,
		viewColumns, q.Limit)}, query.Query{Args: prefixArgs(q.Text), Scan: query.Append(&found.Plans), SQL: fmt.Sprintf(
		`SELECT %s FROM keyseat_plans p WHERE p.id >= @text AND p.id < @end ORDER BY p.id LIMIT %d`, planTable.Columns.List("p.%"), q.Limit)})
}

// codeEnd returns the expression for the end of the code of a key k, as in the index.
func (d dialect) codeEnd() string { return d.either("right(k.code, 5)", "substr(k.code, -5)") }

// prefixArgs returns the bounds of the texts that begin with the given one. No text has a greater character than the
// one at the end.
func prefixArgs(text string) query.Args { return query.Args{"text": text, "end": text + "\U0010FFFF"} }

