package pgtest

import (
	"context"
	"sync"
	"testing"
)

// A Template is a filled database that tests copy, because a copy takes less time than filling another database.
type Template struct {
	Fill func(url string) error // fills a new database and closes its connections

	once sync.Once
	name string
	err  error
}

// URL creates a copy of the template and returns the URL of the copy, which is dropped when the test ends.
func (m *Template) URL(t testing.TB) string {
	t.Helper()
	admin := adminURL(t)
	return createDatabase(t, admin, m.filled(t, admin))
}

// filled returns the name of the template's database. The first call creates and fills it.
func (m *Template) filled(t testing.TB, admin string) string {
	t.Helper()
	m.once.Do(func() {
		m.name = randomName()
		dropAtEnd(m.name)
		if m.err = copyDatabase(context.Background(), admin, emptyTemplate, m.name); m.err == nil {
			m.err = m.Fill(withDatabase(admin, m.name))
		}
	})
	if m.err != nil {
		t.Fatalf("fill a database: %v", m.err)
	}
	return m.name
}

// A Pool has copies of a template for many short tests. Tests use a copy one after another, because clearing a copy
// takes less time than creating and dropping one.
type Pool struct {
	From  *Template
	Clear func(url string) error // brings a copy back to the state of the template, and closes its connections

	mu   sync.Mutex
	free []string // the names of the copies that no test uses
}

// URL returns the URL of a copy that no other test uses. The copy returns to the pool when the test ends.
func (p *Pool) URL(t testing.TB) string {
	t.Helper()
	admin, name := adminURL(t), p.take()
	if name == "" {
		name = randomName()
		dropAtEnd(name)
		if err := copyDatabase(t.Context(), admin, p.From.filled(t, admin), name); err != nil {
			t.Fatalf("create a database: %v", err)
		}
	}
	url := withDatabase(admin, name)
	t.Cleanup(func() {
		if err := p.Clear(url); err != nil {
			t.Errorf("clear a database: %v", err)
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.free = append(p.free, name)
	})
	return url
}

// take takes a free copy from the pool, and returns its name. The name is "" if no copy is free.
func (p *Pool) take() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.free) - 1
	if last < 0 {
		return ""
	}
	name := p.free[last]
	p.free = p.free[:last]
	return name
}
