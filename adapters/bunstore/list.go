package bunstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore/internal/pgxconn"
	"github.com/keyseat/keyseat/adapters/bunstore/internal/query"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// The fields own and rest of a [listing] have conditions that the database checks for each row of the ranges. With own
// it reads at most maxScanned rows for a page. With rest it reads at most maxLookedUp rows, because it must look up the
// key of each row, and a lookup can read the disk.
const (
	maxScanned  = 2000
	maxLookedUp = 500
)

// Keys implements [adminstore.AdminStore].
func (s *Store) Keys(ctx context.Context, f adminstore.KeyFilter, p adminstore.Page) (adminstore.List, error) {
	l := s.keyListing(f, p.Order)
	l.columns, l.join = "@time, "+viewColumns, `JOIN keyseat_keys k ON k.code = page.code
		LEFT JOIN keyseat_tasks t ON t.code = k.code AND t.id = k.task_id`
	position := func(v tasks.Snapshot) adminstore.Position { return f.Position(p.Order, v) }
	return readList(ctx, s, l, p, position, appendSnapshots)
}

// Tasks implements [adminstore.AdminStore].
func (s *Store) Tasks(ctx context.Context, f adminstore.TaskFilter, p adminstore.Page) (adminstore.List, error) {
	l := taskListing(f)
	l.columns = "@time, " + viewColumns
	l.join = `JOIN keyseat_tasks t ON t.code = page.code AND t.id = page.id JOIN keyseat_keys k ON k.code = t.code`
	return readList(ctx, s, l, p, f.Position, appendSnapshots)
}

// readList reads a page. If the page is not full after [listing.scanLimit] rows, readList sets Next to the position of
// the last row that the database has read, so that the next page continues after that row.
func readList[T any](
	ctx context.Context, s *Store, l listing, p adminstore.Page, position func(T) adminstore.Position, appendTo func(*[]T) func(query.Row) error,
) (list adminstore.ListOf[T], err error) {
	if len(l.ranges) == 0 || p.Limit <= 0 {
		return list, nil
	}
	l.desc = (p.Order == adminstore.Newest) != p.Back
	n := p.Limit + 1 // the additional entry shows whether more entries follow
	rest, scanned := l.rest, l.scanLimit(n)
	if len(l.own) > 0 {
		rest = append([]string{"page.ok"}, rest...)
	}
	ranges, order := s.rangesSQL(&l, p.After, scanned), l.order("page.at", "page.id")
	err = s.readOrdered(ctx, func(run query.Runner) error {
		list = adminstore.ListOf[T]{}
		if l.args["time"], err = readTime(ctx, run); err != nil {
			return err
		}
		err = run(ctx, query.Query{Rare: true, Args: l.args, Scan: appendTo(&list.Entries), SQL: fmt.Sprintf(
			`SELECT %s FROM (%s) AS page %s %s ORDER BY %s LIMIT %d`, l.columns, ranges, l.join, where(rest), order, n)})
		if err != nil || len(list.Entries) == n || len(rest) == 0 {
			return err
		}
		return run(ctx, query.Query{Rare: true, Args: l.args, Scan: query.Into(&list.Next), SQL: fmt.Sprintf(
			`SELECT page.at, page.id FROM (%s) AS page ORDER BY %s LIMIT 1 OFFSET %d`, ranges, order, scanned-1)})
	})
	if len(list.Entries) == n {
		list.Entries = list.Entries[:p.Limit]
		list.Next = position(list.Entries[p.Limit-1])
	}
	if p.Back {
		slices.Reverse(list.Entries)
	}
	return list, s.wrap("list", err)
}

// readOrdered calls read with a runner for queries that read the first rows of indexes. If an argument is a text that
// no database can store, no row has this text. So readOrdered returns nil, and the result is empty.
func (s *Store) readOrdered(ctx context.Context, read func(run query.Runner) error) error {
	err := s.reader().retryRead(ctx, pgxconn.Ordered, read)
	if errors.Is(err, query.ErrInvalidText) {
		return nil
	}
	return err
}

// scanLimit returns the greatest number of rows that the database reads for a page of n rows.
func (l *listing) scanLimit(n int) int {
	switch {
	case len(l.rest) > 0:
		return max(n, maxLookedUp)
	case len(l.own) > 0:
		return max(n, maxScanned)
	}
	return n
}

// rangesSQL returns the query that merges the ranges. The query returns the positions and codes of the first n rows
// that come after the given position.
func (s *Store) rangesSQL(l *listing, after adminstore.Position, n int) string {
	at := cmp.Or(l.at, `CAST(NULL AS timestamptz)`)
	end := fmt.Sprintf(" ORDER BY %s LIMIT %d", l.order("at", "id"), n)
	ok := "true"
	if len(l.own) > 0 {
		ok = strings.Join(l.own, " AND ")
	}
	var parts []string
	for _, r := range l.ranges {
		for _, limits := range s.limits(l, after) {
			parts = append(parts, fmt.Sprintf(`SELECT %s AS code, %s AS id, %s AS at, %s AS ok FROM %s WHERE %s%s`, l.code, l.id, at, ok, l.from, r, limits))
		}
	}
	if !s.isSQLite && len(parts) > 1 { // limit each part too, so that the servers of a distributed table send only n rows of it
		for i := range parts {
			parts[i] = "(" + parts[i] + end + ")"
		}
	}
	return strings.Join(parts, " UNION ALL ") + end
}

// limits returns alternative conditions on the position of a row. The rest of the list has the rows that satisfy any of
// these conditions. Each condition requires that the row comes after the given position, and that its time is between
// since and until of the listing. A database uses only one comparison to find the first row. Therefore limits leaves
// out a comparison that another comparison implies.
func (s *Store) limits(l *listing, after adminstore.Position) []string {
	since, until, sign := l.since, l.until, ">"
	if l.desc {
		sign = "<"
	}
	switch {
	case after.IsZero() || l.at == "":
	case l.desc && !until.IsZero() && !after.At.Before(until), !l.desc && after.At.Before(since):
		after = adminstore.Position{}
	case l.desc:
		until = time.Time{}
	default:
		since = time.Time{}
	}
	times := ""
	if !since.IsZero() {
		l.args["since"] = since
		times += " AND " + l.at + " >= @since"
	}
	if !until.IsZero() {
		l.args["until"] = until
		times += " AND " + l.at + " < @until"
	}
	if after.IsZero() {
		return []string{times}
	}
	l.args["id"] = after.ID
	if l.at == "" {
		return []string{" AND " + l.id + " " + sign + " @id"}
	}
	l.args["at"] = after.At
	if s.isSQLite { // SQLite cannot use an index on an expression to compare pairs
		return []string{" AND " + l.at + " = @at AND " + l.id + " " + sign + " @id" + times, " AND " + l.at + " " + sign + " @at" + times}
	}
	return []string{fmt.Sprintf(" AND (%s, %s) %s (@at, @id)", l.at, l.id, sign) + times}
}

func (l *listing) order(at, id string) string {
	down := ""
	if l.desc {
		down = " DESC"
	}
	if l.at == "" {
		return id + down
	}
	return at + down + ", " + id + down
}

func where(conditions []string) string {
	if len(conditions) == 0 {
		return ""
	}
	return "WHERE " + strings.Join(conditions, " AND ")
}

// Search implements [adminstore.AdminStore]. Each of its queries reads one part of an index.
func (s *Store) Search(ctx context.Context, q adminstore.Search) (found adminstore.Found, err error) {
	if q.Text == "" || q.Limit <= 0 {
		return found, nil
	}
	err = s.readOrdered(ctx, func(run query.Runner) error {
		found = adminstore.Found{}
		now, err := readTime(ctx, run)
		if err != nil {
			return err
		}
		all := s.searchQueries(q, &found)
		for i := range all {
			all[i].Rare, all[i].Args["time"] = true, now
		}
		if err = run(ctx, all...); err != nil {
			found = adminstore.Found{}
		}
		return err
	})
	code := func(v tasks.Snapshot) string { return string(v.Key.Code) }
	slices.SortFunc(found.Codes, func(x, y tasks.Snapshot) int { return cmp.Compare(code(x), code(y)) })
	found.Codes = slices.CompactFunc(found.Codes, func(x, y tasks.Snapshot) bool { return code(x) == code(y) })
	found.Codes = found.Codes[:min(q.Limit, len(found.Codes))]
	return found, s.wrap("search", err)
}

// searchQueries returns the queries of a search, which append their results to found.
func (s *Store) searchQueries(q adminstore.Search, found *adminstore.Found) (all []query.Query) {
	key := func(to *[]tasks.Snapshot, condition, order string, args query.Args) {
		all = append(all, query.Query{Args: args, Scan: appendSnapshots(to), SQL: fmt.Sprintf(`
			SELECT @time, %s FROM (SELECT k.code FROM keyseat_keys k WHERE %s %s LIMIT %d) AS page
			JOIN keyseat_keys k ON k.code = page.code
			LEFT JOIN keyseat_tasks t ON t.code = k.code AND t.id = k.task_id %s`, viewColumns, condition, order, q.Limit, order)})
	}
	key(&found.Codes, s.either("k.code = ANY (@codes)", "k.code IN (SELECT value FROM json_each(@codes))"), "", query.Args{"codes": codeTexts(q.Codes)})
	for _, text := range q.Prefixes {
		key(&found.Codes, "k.code >= @text AND k.code < @end", "ORDER BY k.code", prefixArgs(text))
	}
	for _, text := range q.Ends {
		// There is no ORDER BY: the index on the end has no order among the few codes with the same end.
		key(&found.Codes, s.codeEnd()+" = @text AND length(k.code) >= 20", "", query.Args{"text": text})
	}
	for column, to := range map[string]*[]tasks.Snapshot{"order_id": &found.Orders, "username": &found.Usernames} {
		condition := s.either("k.% ~>=~ @text AND k.% ~<~ @end AND k.% <> ''", "k.% >= @text AND k.% < @end AND k.% <> ''")
		order := s.either("ORDER BY k.% USING ~<~", "ORDER BY k.%")
		in := strings.NewReplacer("%", column)
		key(to, in.Replace(condition), in.Replace(order), prefixArgs(q.Text))
	}
	taskSQL := fmt.Sprintf(`
		SELECT @time, %s FROM (SELECT t.code, t.id FROM keyseat_tasks t WHERE t.id >= @text AND t.id < @end ORDER BY t.id LIMIT %d) AS page
		JOIN keyseat_tasks t ON t.code = page.code AND t.id = page.id JOIN keyseat_keys k ON k.code = t.code ORDER BY t.id`,
		viewColumns, q.Limit)
	planSQL := fmt.Sprintf(`SELECT %s FROM keyseat_plans p WHERE p.id >= @text AND p.id < @end ORDER BY p.id LIMIT %d`,
		planTable.Columns.List("p.%"), q.Limit)
	return append(all,
		query.Query{SQL: taskSQL, Args: prefixArgs(q.Text), Scan: appendSnapshots(&found.Tasks)},
		query.Query{SQL: planSQL, Args: prefixArgs(q.Text), Scan: query.Append(&found.Plans)})
}

// codeEnd returns the expression for the end of the code of a key k, as in the index.
func (d dialect) codeEnd() string { return d.either("right(k.code, 5)", "substr(k.code, -5)") }

// prefixArgs returns the bounds of the texts that begin with text. The upper bound ends with Unicode's last character.
func prefixArgs(text string) query.Args { return query.Args{"text": text, "end": text + "\U0010FFFF"} }
