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

// maxScanned limits the rows that the database reads for a page with a condition outside the ranges. maxLookedUp is the
// limit if it looks up the key of each row, because each lookup can read a page of the disk.
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

// readList reads a page. If the page is not full after [listing.scanLimit] rows, it sets Next to the position of the last row
// that the database has read.
func readList[T any](
	ctx context.Context, s *Store, l listing, p adminstore.Page, position func(T) adminstore.Position, appendTo func(*[]T) func(query.Row) error,
) (list adminstore.ListOf[T], err error) {
	if len(l.ranges) == 0 || p.Limit <= 0 {
		return list, nil
	}
	l.desc = (p.Order == adminstore.Newest) != p.Back
	n := p.Limit + 1 // to find out whether more entries follow
	rest, scanned := l.rest, l.scanLimit(n)
	if len(l.own) > 0 {
		rest = append([]string{"page.ok"}, rest...)
	}
	ranges, order := s.rangesSQL(&l, p.After, scanned), l.order("page.at", "page.id")
	err = s.reader().retryRead(ctx, pgxconn.Ordered, func(run query.Runner) error {
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
	if errors.Is(err, query.ErrInvalidText) { // such a text is in no row
		return adminstore.ListOf[T]{}, nil
	}
	return list, s.wrap("list", err)
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

// rangesSQL returns the query for the positions and codes of the first n rows of the merged ranges, after a
// position.
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
	if !s.isSQLite && len(parts) > 1 { // so that the servers of a distributed table send only n rows
		for i := range parts {
			parts[i] = "(" + parts[i] + end + ")"
		}
	}
	return strings.Join(parts, " UNION ALL ") + end
}

// limits returns alternative conditions on the position. A row of a range belongs to the list if it satisfies one of them.
// Each requires that the row comes after the page before, and lies within the times of the filter. A comparison that
// follows from another one is left out, because a database uses only one of them to find the first row.
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
	if s.isSQLite { // it compares no pair with the expression of an index
		return []string{" AND " + l.at + " = @at AND " + l.id + " " + sign + " @id" + times, " AND " + l.at + " " + sign + " @at" + times}
	}
	return []string{fmt.Sprintf(" AND (%s, %s) %s (@at, @id)", l.at, l.id, sign) + times}
}

// order returns the terms of ORDER BY for columns with a position.
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

// where returns a WHERE clause, or "" without conditions.
func where(conditions []string) string {
	if len(conditions) == 0 {
		return ""
	}
	return "WHERE " + strings.Join(conditions, " AND ")
}

