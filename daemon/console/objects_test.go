package console_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/console"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// TestPaging reads each list to its end, over more than one page.
func TestPaging(t *testing.T) {
	s := newFixture(t, func(*console.Options) {})
	var edits []stock.PlanEdit
	country, size, later := stock.Country("US"), 1, s.now.Add(-time.Hour)
	for i := range 120 {
		edits = append(edits, stock.PlanEdit{ID: "plan-" + string(rune('a'+i/26)) + string(rune('a'+i%26)), Country: &country, Size: &size, ExpiresAt: &later})
	}
	if err := s.store.EditPlans(t.Context(), edits); err != nil {
		t.Fatal(err)
	}
	err := s.store.ImportKeys(t.Context(), adminstore.ImportBatch{ID: "b", Type: tasks.EventImported}, func(yield func(keys.Key, error) bool) {
		for i := range 120 {
			if !yield(keys.Key{Code: keys.Code("K&" + string(rune('a'+i/26)) + string(rune('a'+i%26))), Status: keys.Active}, nil) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	cookie := s.signIn()
	if page := s.get(200, "/", cookie); strings.Count(page, ">expired<") != 20 || !strings.Contains(page, "There may be more") {
		t.Errorf("%d plans are shown as expired", strings.Count(page, ">expired<"))
	}
	next := regexp.MustCompile(`href="([^"]+)">Next page`)
	for path, line := range map[string]string{"/console/keys": `href="/console/key?key=`, "/console/plans": `aria-label="Retire plan `} {
		lines, pages := 0, 0
		for path != "" {
			page := s.get(200, path, cookie)
			lines, pages = lines+strings.Count(page, line), pages+1
			path = ""
			if found := next.FindStringSubmatch(page); found != nil {
				path = strings.ReplaceAll(found[1], "&amp;", "&")
			}
		}
		if lines != 120 || pages != 3 {
			t.Errorf("%d lines on %d pages", lines, pages)
		}
	}
}

// taskStore is a store of many tasks, sorted by the time of their acceptance.
type taskStore struct {
	adminstore.AdminStore
	all   []tasks.Task
	reads int
}

func (s *taskStore) add(n int, from, until time.Time) {
	for i := range n {
		at := from.Add(until.Sub(from) * time.Duration(i) / time.Duration(n))
		s.all = append(s.all, tasks.Task{ID: fmt.Sprintf("T%06d", len(s.all)), Code: "K", Kind: tasks.Upgrade, CreatedAt: at, EndedAt: at})
	}
}

func (s *taskStore) Tasks(_ context.Context, f adminstore.TaskFilter, p adminstore.Page) (adminstore.List, error) {
	s.reads++
	var all []tasks.Snapshot
	for i := range s.all {
		all = append(all, tasks.Snapshot{Task: &s.all[i]})
	}
	return adminstore.Cut(all, f.Position, p), nil
}

// TestNewestTasks checks that the list of the newest tasks has exactly these, however many tasks were
// accepted in the minutes before, and that it costs the store few reads.
func TestNewestTasks(t *testing.T) {
	id := regexp.MustCompile(`task\?id=(T\d+)`)
	for name, fill := range map[string]func(s *taskStore, now time.Time){
		"none":          func(*taskStore, time.Time) {},
		"few":           func(s *taskStore, now time.Time) { s.add(7, now.AddDate(-1, 0, 0), now) },
		"few for years": func(s *taskStore, now time.Time) { s.add(80, now.AddDate(-3, 0, 0), now) },
		"very many":     func(s *taskStore, now time.Time) { s.add(30_000, now.Add(-time.Minute), now) },
		"many, then few": func(s *taskStore, now time.Time) {
			s.add(30_000, now.Add(-9*time.Minute), now.Add(-8*time.Minute))
			s.add(3, now.Add(-time.Minute), now)
		},
		"many simultaneously": func(s *taskStore, now time.Time) {
			s.add(900, now.Add(-time.Hour), now.Add(-time.Hour))
			s.add(3, now.Add(-time.Minute), now)
		},
		"many after the clock's time": func(s *taskStore, now time.Time) { s.add(900, now.Add(time.Minute), now.Add(time.Hour)) },
	} {
		t.Run(name, func(t *testing.T) {
			var store taskStore
			s := newFixture(t, func(o *console.Options) {
				store.AdminStore, o.AdminStore = o.AdminStore, &store
			})
			fill(&store, *s.now)
			var want, got []string
			for i := len(store.all) - 1; i >= max(0, len(store.all)-50); i-- {
				want = append(want, store.all[i].ID)
			}
			for _, match := range id.FindAllStringSubmatch(s.get(200, "/console/tasks", s.signIn()), -1) {
				got = append(got, match[1])
			}
			if !slices.Equal(got, want) || store.reads != 1 {
				t.Errorf("%d reads, got\n%v\nwant\n%v", store.reads, got, want)
			}
		})
	}
}
