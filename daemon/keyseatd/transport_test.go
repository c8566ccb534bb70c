package main

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/bunstore"
)

// TestUnverifiedTLSIsReported checks what serve and doctor report about a PostgreSQL on another machine.
func TestUnverifiedTLSIsReported(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://u:s3cret@db.example/x":                     "db.example",
		"postgres://u:s3cret@db.example/x?sslmode=verify-full": "",
		"postgres://u:s3cret@127.0.0.1/x":                      "",
	} {
		store, err := bunstore.Open(t.Context(), url, bunstore.Options{Pooler: bunstore.PoolerNone})
		if err != nil {
			t.Fatal(err)
		}
		var log, printed bytes.Buffer
		logTransport(t.Context(), store, slog.New(slog.NewTextHandler(&log, nil)))
		printTransport(store, &printed)
		for _, text := range []string{log.String(), printed.String()} {
			if (text != "") != (want != "") || !strings.Contains(text, want) || strings.Contains(text, "s3cret") ||
				want != "" && !strings.Contains(text, "sslmode=verify-full") {
				t.Errorf("%s: %q", url, text)
			}
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
}
