package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/storetest"
	"github.com/keyseat/keyseat/daemon/client"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// empty makes an empty store, which is all that the suite needs. It does not wait for the disk, because the
// suite writes thousands of times.
func empty(t testing.TB) storetest.Store {
	s, err := open(filepath.Join(t.TempDir(), "shop.json"))
	if err != nil {
		t.Fatal(err)
	}
	s.sync = func(*os.File) error { return nil }
	return s
}

func TestStore(t *testing.T) { storetest.Run(t, empty) }

// TestCompare checks that random histories end alike here and in the reference store.
func TestCompare(t *testing.T) {
	storetest.Compare(t, empty, func(testing.TB) storetest.Store { return memory.New(storetest.Clock()) })
}

// TestTheFileIsAll opens the file again after a key was used, and finds the same state. A failed write leaves
// the state in memory unchanged.
func TestTheFileIsAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.json")
	s, err := open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := fill(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	use(t, s)
	again, err := open(path)
	if err != nil || fill(t.Context(), again) != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(s.text, again.text) {
		t.Errorf("%s\n%s", s.text, again.text)
	}
	if err := os.Mkdir(path+".new", 0o700); err != nil { // makes the next write fail
		t.Fatal(err)
	}
	v, err := again.Snapshots(t.Context(), []keys.Code{"MY-FIRST-KEY"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := tasks.Reset(v[0], "change")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Apply(t.Context(), []tasks.Change{c}); err == nil || !bytes.Equal(s.text, again.text) {
		t.Errorf("%v: %s", err, again.text)
	}
}

// use upgrades the key over HTTP.
func use(t *testing.T, s *store) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	mux, done := http.NewServeMux(), make(chan error, 1)
	go func() { done <- serve(ctx, s, mux) }()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { mux.ServeHTTP(w, r) }))
	defer server.Close()
	c, err := client.New(server.URL, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for err = c.Upgrade(ctx, "MY-FIRST-KEY", account, "US"); err != nil && t.Context().Err() == nil; {
		err = c.Upgrade(ctx, "MY-FIRST-KEY", account, "US") // the API is mounted soon
	}
	info, err := c.Wait(ctx, "MY-FIRST-KEY")
	if err != nil || info.Status != keys.Success {
		t.Errorf("%+v, %v", info, err)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

var account = tasks.Account{Login: tasks.NewSecret("a@example.com"), Password: tasks.NewSecret("p")}
