package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/client"
	"github.com/keyseat/keyseat/keys"
)

// TestMount buys four times: with a failure, with success, again, and without credit. Each purchase writes
// both records or neither.
func TestMount(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	db, err := openShop(ctx, filepath.Join(t.TempDir(), "shop.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	s, err := newShop(ctx, db)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.fill(ctx); err != nil {
		t.Fatal(err)
	}
	mux, done := http.NewServeMux(), make(chan error, 1)
	pool := mount(s, mux)
	go func() { done <- pool.Run(ctx, time.Second) }()
	server := httptest.NewServer(mux)
	defer server.Close()
	c, err := client.New(server.URL, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	buy := func(form url.Values, want int) {
		t.Helper()
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, "/buy", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if mux.ServeHTTP(w, r); w.Code != want {
			t.Errorf("%v: %d %s", form, w.Code, w.Body)
		}
	}
	state := func(credit int, status keys.Status) {
		t.Helper()
		var has wallet
		if err := db.NewSelect().Model(&has).Where("account = 'anna'").Scan(ctx); err != nil || has.Credit != credit {
			t.Errorf("credit %d, %v", has.Credit, err)
		}
		if info, err := c.Wait(ctx, "ANNAS-KEY"); err != nil || info.Status != status {
			t.Errorf("%+v, %v", info, err)
		}
	}
	form := func(account, key, login string) url.Values {
		return url.Values{"account": {account}, "key": {key}, "login": {login}, "pwd": {"p"}}
	}
	state(5, keys.Active)
	buy(form("nobody", "ANNAS-KEY", "a@example.com"), http.StatusPaymentRequired)
	buy(form("anna", "no key", ""), http.StatusConflict)
	buy(form("anna", "", ""), http.StatusBadRequest)
	buy(form("anna", "ANNAS-KEY", ""), http.StatusConflict)
	state(5, keys.Active)
	buy(form("anna", "ANNAS-KEY", "a@example.com"), http.StatusAccepted)
	state(2, keys.Success)
	buy(form("anna", "ANNAS-KEY", "a@example.com"), http.StatusPaymentRequired)
	if _, err := db.NewUpdate().Model((*wallet)(nil)).Set("credit = 9").Where("true").Exec(ctx); err != nil {
		t.Fatal(err)
	}
	buy(form("anna", "ANNAS-KEY", "a@example.com"), http.StatusConflict)
	state(9, keys.Success)
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
