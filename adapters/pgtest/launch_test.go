package pgtest_test

import (
	"os/exec"
	"testing"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

func TestALaunchedClusterAnswersUntilItIsStopped(t *testing.T) {
	if _, err := exec.LookPath("initdb"); err != nil {
		pgtest.URL(t) // skips or fails the test if PostgreSQL is missing
	}
	admin, stop, err := pgtest.Launch(pgtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := run(t, admin, "CREATE DATABASE mine"); err != nil {
		t.Error(err)
	}
	stop()
	if err := run(t, admin, "SELECT 1"); err == nil {
		t.Error("a cluster that was stopped answers")
	}
}
