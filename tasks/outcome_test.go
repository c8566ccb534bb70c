package tasks_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// TestSentences compares every message of the package with a file, because most messages are promised by the API
// documentation. Each line of the file has a name, a tab and the message.
func TestSentences(t *testing.T) {
	text, err := os.ReadFile("testdata/sentences.txt")
	if err != nil {
		t.Fatal(err)
	}
	texts := sentences()
	for line := range strings.SplitSeq(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		what, want, _ := strings.Cut(line, "\t")
		if got, found := texts[what]; !found || got != want {
			t.Errorf("%s: %q, not %q", what, got, want)
		}
		delete(texts, what)
	}
	for what, got := range texts {
		t.Errorf("%s: %q is in no documentation", what, got)
	}
}

// sentences returns the messages of the package by their names.
func sentences() map[string]string {
	texts := map[string]string{}
	for _, k := range tasks.Kinds() {
		texts["accepted "+string(k)] = k.Accepted()
		for _, o := range tasks.Outcomes(k) {
			texts[string(k)+" "+string(o)] = o.Message(k)
		}
	}
	for _, r := range []tasks.Refusal{
		tasks.UnknownKey, tasks.PasswordMissing, tasks.PasswordWeak, tasks.LoginMissing, tasks.CountryInvalid, tasks.EmailInvalid,
		tasks.KeyGone, tasks.UpgradeOpen, tasks.RenewOpen, tasks.KeyUsed, tasks.KeyUnused, tasks.KeyLegacy,
	} {
		texts["refused "+string(r)] = r.Error()
	}
	return texts
}

func TestOutcomes(t *testing.T) {
	faults := map[tasks.Outcome]stock.Fault{"plan_expired": "expired", "plan_full": "full", "plan_invalid": "invalid"}
	for kind, want := range outcomeRules {
		if got := tasks.Outcomes(kind); !slices.Equal(got, want) {
			t.Errorf("%s: %v, not %v", kind, got, want)
		}
		for _, o := range everyOutcome {
			if o.Fits(kind) != slices.Contains(want, o) {
				t.Errorf("%s fits %s: %v", o, kind, o.Fits(kind))
			}
			if o.Fault() != faults[o] {
				t.Errorf("%s is the fault %q", o, o.Fault())
			}
		}
	}
	if tasks.Outcomes("dance") != nil || tasks.Success.Fits("dance") || tasks.Kind("dance").Accepted() != "" {
		t.Error("there is no such kind")
	}
	if o := tasks.Outcome("nonsense"); o.Message(tasks.Upgrade) != "" || o.Fault() != "" {
		t.Error("there is no such outcome")
	}
}
