package logincount_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/keyseat/keyseat/internal/logincount"
)

func TestCounterForgets(t *testing.T) {
	now := time.Unix(0, 0)
	c := &logincount.Counter{Now: func() time.Time { return now }, Window: time.Hour, PerKey: 24 * time.Hour}
	want := func(login, key, want string) {
		t.Helper()
		tests, logins := c.Count(login, key)
		if got := fmt.Sprint(tests, logins); got != want {
			t.Errorf("%s with %s: got %s, want %s", login, key, got, want)
		}
	}
	want("x", "A", "1 1")
	now = now.Add(time.Hour - 1)
	want("x", "A", "2 1")
	now = now.Add(1)
	want("x", "A", "1 1")
	want("y", "A", "1 2")
	now = now.Add(23 * time.Hour)
	want("y", "A", "1 2")
	now = now.Add(time.Hour)
	want("z", "A", "1 2") // x is forgotten
	want("x", "B", "1 1")
	now = now.Add(time.Hour) // the next call deletes the expired counts
	want("z", "A", "1 2")
	now = now.Add(30 * time.Minute)
	want("late", "C", "1 1")
	now = now.Add(30 * time.Minute)
	want("z", "A", "1 2")
	now = now.Add(30 * time.Minute) // ends a window between two deletions
	want("late", "C", "1 1")
}
