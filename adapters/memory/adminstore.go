package memory

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
	"github.com/keyseat/keyseat/tasks/stats"
)

// ImportKeys implements [adminstore.AdminStore].
func (s *Store) ImportKeys(_ context.Context, b adminstore.ImportBatch, all iter.Seq2[keys.Key, error]) error {
	imported := map[keys.Code]keys.Key{}
	defer s.lock()()
	if _, known := s.batches[b.ID]; known {
		return adminstore.ErrBatch
	}
	row := 0
	for key, err := range all {
		row++
		if err != nil {
			return err
		}
		if _, twice := imported[key.Code]; twice || s.keys[key.Code].Exists() {
			return adminstore.RowError{Row: row, Err: adminstore.ErrExists}
		}
		key.Version, key.Task, key.NextTaskAt, key.FailedLogins = 1, "", time.Time{}, 0
		imported[key.Code] = key
	}
	s.batches[b.ID] = slices.Sorted(maps.Keys(imported))
	for code, key := range imported {
		s.keys[code] = key
		s.addEvents(code, b.ID, b.Event(s.now(), code))
	}
	return nil
}

// Batch implements [adminstore.AdminStore].
func (s *Store) Batch(_ context.Context, id string) ([]keys.Key, error) {
	defer s.lock()()
	var all []keys.Key
	for _, code := range s.batches[id] {
		all = append(all, s.keys[code])
	}
	return all, nil
}

// EditPlans implements [adminstore.AdminStore].
func (s *Store) EditPlans(_ context.Context, edits []stock.PlanEdit) error {
	defer s.lock()()
	plans, seq := maps.Clone(s.plans), s.planSeq
	for i, e := range edits {
		p, err := e.Apply(plans[e.ID])
		if err != nil {
			return adminstore.RowError{Row: i + 1, Err: err}
		}
		if p.Seq == 0 {
			seq++
			p.Seq = seq
		}
		plans[p.ID] = p
	}
	s.plans, s.planSeq = plans, seq
	return nil
}

// Keys implements [adminstore.AdminStore].
func (s *Store) Keys(_ context.Context, f adminstore.KeyFilter, p adminstore.Page) (adminstore.List, error) {
	defer s.lock()()
	all := slices.DeleteFunc(s.keySnapshots(), func(v tasks.Snapshot) bool { return !f.Match(v) })
	return adminstore.Cut(all, func(v tasks.Snapshot) adminstore.Position { return f.Position(p.Order, v) }, p), nil
}

func (s *Store) keySnapshots() (all []tasks.Snapshot) {
	for _, k := range s.keys {
		all = append(all, s.snapshot(k, k.Task))
	}
	return all
}

// Plans implements [adminstore.AdminStore].
func (s *Store) Plans(_ context.Context, after int64, n int) ([]stock.Plan, error) {
	defer s.lock()()
	page := slices.DeleteFunc(s.plansInOrder(), func(p stock.Plan) bool { return p.Seq <= after })
	return page[:min(max(n, 0), len(page))], nil
}

// PlansByID implements [adminstore.AdminStore].
func (s *Store) PlansByID(_ context.Context, ids []string) ([]stock.Plan, error) {
	defer s.lock()()
	return slices.DeleteFunc(s.plansInOrder(), func(p stock.Plan) bool { return !slices.Contains(ids, p.ID) }), nil
}

// Tasks implements [adminstore.AdminStore].
func (s *Store) Tasks(_ context.Context, f adminstore.TaskFilter, p adminstore.Page) (adminstore.List, error) {
	defer s.lock()()
	all := slices.DeleteFunc(s.taskSnapshots(), func(v tasks.Snapshot) bool { return !f.Match(*v.Task) })
	return adminstore.Cut(all, f.Position, p), nil
}

func (s *Store) taskSnapshots() (all []tasks.Snapshot) {
	for _, t := range s.tasks {
		all = append(all, s.snapshot(s.keys[t.Code], t.ID))
	}
	return all
}

// Search implements [adminstore.AdminStore].
func (s *Store) Search(_ context.Context, q adminstore.Search) (adminstore.Found, error) {
	defer s.lock()()
	return q.In(s.keySnapshots(), s.taskSnapshots(), s.plansInOrder()), nil
}

// Task implements [adminstore.AdminStore].
func (s *Store) Task(_ context.Context, id string) (tasks.Snapshot, error) {
	defer s.lock()()
	return s.snapshot(s.keys[s.tasks[id].Code], id), nil
}

// History implements [adminstore.AdminStore].
func (s *Store) History(_ context.Context, code keys.Code) ([]tasks.Event, error) {
	defer s.lock()()
	return slices.Clone(s.history[code]), nil
}

// QueueStats implements [adminstore.AdminStore].
func (s *Store) QueueStats(context.Context) (q stats.Queue, err error) {
	defer s.lock()()
	now := s.now()
	for _, t := range s.tasks {
		q = q.Add(t, now)
	}
	return q, nil
}

var _ stats.TaskStats = (*Store)(nil)

// CountSold implements [stats.TaskStats].
func (s *Store) CountSold(_ context.Context, countries []stock.Country, since time.Time, n int) ([]stats.Sold, error) {
	defer s.lock()()
	var all []stats.Sold
	for _, country := range countries {
		var done []tasks.Task
		for _, t := range s.tasks {
			if t.Country == country && t.Outcome == tasks.Success && !t.CreatedAt.Before(since) {
				done = append(done, t)
			}
		}
		slices.SortFunc(done, func(x, y tasks.Task) int {
			return cmp.Or(y.CreatedAt.Compare(x.CreatedAt), cmp.Compare(y.ID, x.ID))
		})
		sold := stats.Sold{Country: country, Since: since}
		if len(done) >= n {
			done, sold.Since = done[:n], done[n-1].CreatedAt
		}
		for _, t := range done {
			if t.Kind == tasks.Upgrade {
				sold.Slots++
			}
		}
		all = append(all, sold)
	}
	return all, nil
}

// CountByHour implements [stats.TaskStats].
func (s *Store) CountByHour(_ context.Context, from time.Time, n int, f stats.Filter) ([]stats.HourCount, error) {
	defer s.lock()()
	sums := map[stats.HourCount]int{}
	for _, t := range s.tasks {
		hour := int(t.CreatedAt.Sub(from) / time.Hour)
		if f.Match(t) && !t.CreatedAt.Before(from) && hour < min(n, stats.MaxHours) {
			sums[stats.HourCount{Hour: hour, Kind: t.Kind, Outcome: t.Outcome}]++
		}
	}
	all := make([]stats.HourCount, 0, len(sums))
	for c, sum := range sums {
		c.Tasks = sum
		all = append(all, c)
	}
	slices.SortFunc(all, func(x, y stats.HourCount) int {
		return cmp.Or(cmp.Compare(x.Hour, y.Hour), cmp.Compare(x.Kind, y.Kind), cmp.Compare(x.Outcome, y.Outcome))
	})
	return all, nil
}
