package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/worker"
	"github.com/keyseat/keyseat/tasks"
)

func TestPolicy(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	engine, err := open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	pool, done := worker.New(engine), make(chan error, 1)
	mux := routes(engine, pool.Wake)
	post := func(path, key, password string) string {
		form := url.Values{"key": {key}, "login": {"anna@example.com"}, "pwd": {password}, "country": {"DE"}}
		w, r := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		mux.ServeHTTP(w, r)
		return strings.TrimSpace(w.Body.String())
	}
	for _, c := range []struct{ path, key, password, want string }{
		{"/aktivieren", "unbekannt", "p", "Diesen Schlüssel kennen wir nicht."},
		{"/aktivieren", " ", "p", "Diesen Schlüssel kennen wir nicht."},
		{"/aktivieren", "MEIN-SCHLUESSEL", "Passwort1234567", "Dieses Passwort wird als Erstes ausprobiert. Bitte wählen Sie ein anderes."},
		{"/erneuern", "BENUTZT", "dreizehn, 123", "Das Passwort braucht mindestens 14 Zeichen, darunter eine Ziffer oder ein Sonderzeichen."},
		{"/erneuern", "BENUTZT", "vierzehn, 1234", "Angenommen. In wenigen Minuten ist es so weit."},
		{"/erneuern", "BENUTZT", "vierzehn, 1234", "Die Erneuerung läuft bereits."},
		{"/aktivieren", "MEIN-SCHLUESSEL", "p", "Angenommen. In wenigen Minuten ist es so weit."},
	} {
		if got := post(c.path, c.key, c.password); got != c.want {
			t.Errorf("%s %s: %s", c.path, c.key, got)
		}
	}
	go func() { done <- pool.Run(ctx, time.Second) }()
	for end := time.Now().Add(10 * time.Second); !strings.Contains(post("/aktivieren", "MEIN-SCHLUESSEL", "p"), "in Gebrauch"); {
		if time.Now().After(end) {
			t.Fatal("the task has not ended")
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestMessages checks that every refusal has a sentence.
func TestMessages(t *testing.T) {
	for _, r := range []tasks.Refusal{
		tasks.UnknownKey, tasks.PasswordMissing, tasks.PasswordWeak, tasks.LoginMissing, tasks.CountryInvalid, tasks.EmailInvalid,
		tasks.KeyGone, tasks.UpgradeOpen, tasks.RenewOpen, tasks.KeyUsed, tasks.KeyUnused, tasks.KeyLegacy,
	} {
		if _, text := response(r); text == "" || text == r.Error() {
			t.Errorf("%s: %q", r, text)
		}
	}
	for want, err := range map[int]error{429: tasks.RateLimited{RetryAfter: 90 * time.Second}, 503: errors.New("the store is away")} {
		if status, text := response(err); status != want || strings.Contains(text, "store") {
			t.Errorf("%v: %d %s", err, status, text)
		}
	}
}
