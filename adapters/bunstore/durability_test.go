package bunstore_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/pgtest"
)

// TestDurabilityRisks checks that DurabilityRisks returns each setting that is not durable, and no other.
func TestDurabilityRisks(t *testing.T) {
	hasty, durable := pgtest.Start(t, pgtest.Options{}).URL(t), pgtest.Start(t, pgtest.Options{Durable: true})
	url := durable.URL(t)
	wantRisks(t, hasty, "fsync=off", "full_page_writes=off")
	wantRisks(t, url)
	wantRisks(t, url+"&synchronous_commit=off", "synchronous_commit=off")
	wantRisks(t, url+"&synchronous_commit=local")
	wantRisks(t, strings.Replace(url, durable.Host(), durable.Host()+",127.0.0.1:1", 1), "synchronous_standby_names=")
	wantRisks(t, "sqlite:"+t.TempDir()+"/keyseat.db")

	durable.Run(t, "ALTER SYSTEM SET synchronous_standby_names = '*'")
	t.Cleanup(func() { // otherwise dropping a database would wait for a standby
		durable.Run(t, "ALTER SYSTEM RESET synchronous_standby_names")
		durable.Run(t, "SELECT pg_reload_conf()")
	})
	durable.Run(t, "SELECT pg_reload_conf()")
	wantRisks(t, strings.Replace(url, durable.Host(), durable.Host()+",127.0.0.1:1", 1))
	wantRisks(t, url+"&synchronous_commit=local", "synchronous_commit=local")
}

func wantRisks(t *testing.T, url string, want ...string) {
	t.Helper()
	s, err := bunstore.Open(t.Context(), url, bunstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	risks, err := s.DurabilityRisks(t.Context())
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range risks {
		got = append(got, r.Setting+"="+r.Value)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("risks %q, not %q", got, want)
	}
}
