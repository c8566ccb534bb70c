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
		for _, test := range testsOf(r) {
			if !strings.Contains(source, "func "+test+"(") {
				t.Errorf("%s: %s is not in %s", r.name, test, r.pkg)
			}
		}
		if names[r.name] {
			t.Errorf("two rows are called %s", r.name)
		}
		names[r.name] = true
	}
}

// testsOf returns the tests of a row.
func testsOf(r row) []string {
	args := r.args(1)
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

// runControl runs tests of this package as a row, in another process.
func runControl(t *testing.T, test string) (status int, table, errors string) {
	o := options{length: 1, keep: t.TempDir(), root: ".", temporary: t.TempDir()}
	r := row{"control", "the control holds", ".", "^" + test + "$", sameArgs}
	t.Setenv("SOAK_CONTROL", "yes")
	var stdout, stderr bytes.Buffer
	status = o.soak(t.Context(), []row{r}, &stdout, &stderr)
	return status, stdout.String(), stderr.String()
}

// TestValues checks that the table has the values that a test reported.
func TestValues(t *testing.T) {
	status, table, errors := runControl(t, "TestControl/good")
	if status != 0 || !strings.Contains(table, "| good | 12 | 3 | lost 0 | 0 |") {
		t.Errorf("status %d\n%s\n%s", status, table, errors)
	}
}

// TestViolations checks that a violation is in the table and in the exit status, and that the output says
// how to run the test again.
func TestViolations(t *testing.T) {
	status, table, errors := runControl(t, "TestControl/bad")
	if status != 1 || !strings.Contains(table, "| bad | 12 | 3 | lost 1 | **violated**") || !strings.Contains(errors, "--only control") {
		t.Errorf("status %d\n%s\n%s", status, table, errors)
	}
}

// TestSkippedTests checks that a skipped test is not a success, even if another test of the row succeeds.
func TestSkippedTests(t *testing.T) {
	status, table, _ := runControl(t, "TestControl/(good|skipped)")
	if status != 1 || !strings.Contains(table, "| good | 12 | 3 | lost 0 | 0 |") || !strings.Contains(table, "was skipped") {
		t.Errorf("status %d\n%s", status, table)
	}
}

// TestSilentTests checks that a test without a report is not a success.
func TestSilentTests(t *testing.T) {
	if status, table, _ := runControl(t, "TestControl/silent"); status != 1 || !strings.Contains(table, "reported nothing") {
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
			for _, value := range [][2]string{{"trials", "12"}, {"faults", "3"}, {"lost", lost}} {
				t.Attr(value[0], value[1])
			}
			if lost != "0" {
				t.Errorf("%s lost", lost)
			}
		}
	}
	t.Run("good", report("0"))
	t.Run("bad", report("1"))
	t.Run("silent", func(*testing.T) {})
	t.Run("skipped", func(t *testing.T) { t.Skip("skipped") })
}

func TestUnknownRows(t *testing.T) {
	var stderr bytes.Buffer
	if status := run(t.Context(), []string{"--only", "kill,nonsense"}, &stderr, &stderr); status != 2 || !strings.Contains(stderr.String(), "nonsense") {
		t.Errorf("status %d: %s", status, stderr.String())
	}
}
