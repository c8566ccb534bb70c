package admin_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// TestDocumentHasRoutes checks that the handler and its document have the same operations.
func TestDocumentHasRoutes(t *testing.T) {
	same(t, admins(t).operations(), admin.Routes())
}

// enum returns the values that a schema allows.
func (s *spec) enum(schema string) []string {
	var all []string
	for _, value := range s.Components.Schemas[schema].Value.Enum {
		text, _ := value.(string)
		all = append(all, text)
	}
	return all
}

func texts[S ~string](all []S) []string {
	var out []string
	for _, s := range all {
		out = append(out, string(s))
	}
	return out
}

// same checks that two sets are equal, in any order.
func same(t *testing.T, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	want = slices.Compact(want)
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

func TestDocumentHasNames(t *testing.T) {
	doc := admins(t)
	same(t, doc.enum("Code"), texts(admin.Codes()))
	same(t, doc.enum("Status"), texts(keys.Statuses()))
	same(t, doc.enum("Kind"), texts(tasks.Kinds()))
	same(t, doc.enum("TaskState"), texts([]adminstore.TaskState{adminstore.OpenTask, adminstore.EndedTask, adminstore.SuspectTask}))
	same(t, doc.enum("TaskFilter"), texts(adminstore.TaskStates()))
	same(t, doc.enum("Action"), texts(activity.Actions()))
	same(t, doc.enum("Outcome"), texts(slices.Concat(tasks.Outcomes(tasks.Upgrade), tasks.Outcomes(tasks.Renew))))
}

// refusals are all refusals.
var refusals = []tasks.Refusal{
	tasks.UnknownKey, tasks.PasswordMissing, tasks.PasswordWeak, tasks.LoginMissing, tasks.CountryInvalid, tasks.EmailInvalid,
	tasks.KeyGone, tasks.UpgradeOpen, tasks.RenewOpen, tasks.KeyUsed, tasks.KeyUnused, tasks.KeyLegacy,
}

// TestPublicDocumentHasMessages checks that the document contains every message to clients
// literally.
func TestPublicDocumentHasMessages(t *testing.T) {
	doc := served(t, "public-openapi.json")
	same(t, doc.enum("Status"), texts(keys.Statuses()))
	var refused, accepted, ended []string
	for _, r := range refusals {
		refused = append(refused, r.Error())
	}
	for _, k := range tasks.Kinds() {
		accepted = append(accepted, k.Accepted())
		for _, o := range tasks.Outcomes(k) {
			ended = append(ended, o.Message(k))
		}
	}
	same(t, doc.enum("Refusal"), refused)
	same(t, doc.enum("Sent"), accepted)
	same(t, doc.enum("Ended"), ended)
	schemas := doc.Components.Schemas
	if got := schemas["NotExist"].Value.Properties["message"].Value.Const; got != tasks.UnknownKey.Error() {
		t.Errorf("an unknown key: %q", got)
	}
	if got := schemas["Unavailable"].Value.Properties["message"].Value.Const; got != tasks.SystemError.Message(tasks.Upgrade) {
		t.Errorf("the database is unavailable: %q", got)
	}
}

// TestResponseCheckFails checks that the check of responses can fail.
func TestResponseCheckFails(t *testing.T) {
	doc := admins(t)
	for body, fits := range map[string]bool{
		`{"stock":[]}`:         true,
		`{"stock":[],"x":1}`:   false,
		`{}`:                   false,
		`{"stock":[{}]}`:       false,
		`{"stock":[],"next":}`: false,
	} {
		w := httptest.NewRecorder()
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.WriteString(body)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/admin/v1/stock", nil)
		if err := doc.check(r, w); (err == nil) != fits {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// TestDocumentsSuitClientGenerators checks two needs of client generators. Each enum and const must have
// a type, and no parameter, response or other component may have the name of a schema.
func TestDocumentsSuitClientGenerators(t *testing.T) {
	for _, name := range []string{"openapi.json", "public-openapi.json", "../docs/connector-openapi.json"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Components map[string]map[string]json.RawMessage
		}
		var all any
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &all); err != nil {
			t.Fatal(err)
		}
		untyped(all, name, func(path string) { t.Errorf("%s has no type", path) })
		for part, components := range doc.Components {
			for component := range components {
				for schema := range doc.Components["schemas"] {
					if part != "schemas" && strings.EqualFold(schema, component) {
						t.Errorf("%s: %s is in %s and in schemas", name, component, part)
					}
				}
			}
		}
	}
}

// untyped reports every schema with an enum or a const and without a type.
func untyped(node any, path string, report func(string)) {
	switch node := node.(type) {
	case map[string]any:
		_, enum := node["enum"].([]any)
		_, constant := node["const"]
		if _, typed := node["type"]; (enum || constant) && !typed {
			report(path)
		}
		for name, child := range node {
			untyped(child, path+"/"+name, report)
		}
	case []any:
		for _, child := range node {
			untyped(child, path, report)
		}
	}
}
