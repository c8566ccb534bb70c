package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRowsHaveTests checks that every row names existing tests, and that no two rows have the same name.
func TestRowsHaveTests(t *testing.T) {
	names := map[string]bool{}
	for _, r := range rows {
		source := sources(t, filepath.Join("../..", r.pkg))
		for _, test := range named(r) {
			if !strings.Contains(source, "func "+test+"(") {
				t.Errorf("%s: there is no %s in %s", r.name, test, r.pkg)
			}
		}
		if names[r.name] {
			t.Errorf("two rows are called %s", r.name)
		}
		names[r.name] = true
	}
}

// named returns the tests of a row.
func named(r row) []string {
	args := r.figure(1)
	if i := slices.Index(args, "-fuzz"); i >= 0 {
		return []string{strings.Trim(args[i+1], "^$")}
	}
	return strings.Split(r.test, "|")
}

func sources(t *testing.T, folder string) string {
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// trying runs tests of this package as a row, in another process.
func trying(t *testing.T, test string, args ...string) (status int, table, told string) {
	o := options{length: 1, keep: t.TempDir(), root: ".", temporary: t.TempDir()}
	r := row{"control", "the control holds", ".", "^" + test + "$", func(float64) []string { return args }}
	t.Setenv("SOAK_CONTROL", "yes")
	var stdout, stderr bytes.Buffer
	status = o.soak(t.Context(), []row{r}, &stdout, &stderr)
	return status, stdout.String(), stderr.String()
}

// TestFigures checks that the table has the figures that a test reported.
func TestFigures(t *testing.T) {
	status, table, told := trying(t, "TestControl/good")
	if status != 0 || !strings.Contains(table, "| good | 12 | 3 | lost 0 | 0 |") {
		t.Errorf("status %d\n%s\n%s", status, table, told)
	}
}

// TestViolationsShow checks that a violation is in the table and in the exit status, and that the output says
// how to run the test again.
func TestViolationsShow(t *testing.T) {
	status, table, told := trying(t, "TestControl/bad")
	if status != 1 || !strings.Contains(table, "| bad | 12 | 3 | lost 1 | **violated**") || !strings.Contains(told, "--only control") {
		t.Errorf("status %d\n%s\n%s", status, table, told)
	}
}

// TestSkipsProveNothing checks that a skipped test is not a success, even if its neighbour succeeds.
func TestSkipsProveNothing(t *testing.T) {
	status, table, _ := trying(t, "TestControl/(good|skipped)")
	if status != 1 || !strings.Contains(table, "| good | 12 | 3 | lost 0 | 0 |") || !strings.Contains(table, "was skipped") {
		t.Errorf("status %d\n%s", status, table)
	}
}

// TestNothingTried checks that a test without a report is not a success.
func TestNothingTried(t *testing.T) {
	if status, table, _ := trying(t, "TestControl/silent"); status != 1 || !strings.Contains(table, "reported nothing") {
		t.Errorf("status %d\n%s", status, table)
	}
}

// TestControl contains the subtests that the other tests run.
func TestControl(t *testing.T) {
	if os.Getenv("SOAK_CONTROL") == "" {
		return
	}
	report := func(lost string) func(t *testing.T) {
		return func(t *testing.T) {
			for _, figure := range [][2]string{{"trials", "12"}, {"faults", "3"}, {"lost", lost}} {
				t.Attr(figure[0], figure[1])
			}
			if lost != "0" {
				t.Errorf("%s lost", lost)
			}
		}
	}
	t.Run("good", report("0"))
	t.Run("bad", report("1"))
	t.Run("silent", func(*testing.T) {})
	t.Run("skipped", func(t *testing.T) { t.Skip("as it was told to") })
}

func TestUnknownNames(t *testing.T) {
	var stderr bytes.Buffer
	if status := run(t.Context(), []string{"--only", "kill,nonsense"}, &stderr, &stderr); status != 2 || !strings.Contains(stderr.String(), "nonsense") {
		t.Errorf("status %d: %s", status, stderr.String())
	}
}
