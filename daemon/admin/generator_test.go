package admin_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestDocumentsSuitGenerators checks two needs of client generators. Each enum and const must have
// a type, and no parameter may have the name of a schema.
func TestDocumentsSuitGenerators(t *testing.T) {
	for _, name := range []string{"openapi.json", "public-openapi.json"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Components struct {
				Parameters, Schemas map[string]json.RawMessage
			}
		}
		var all any
		if err := json.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &all); err != nil {
			t.Fatal(err)
		}
		untyped(all, name, func(path string) { t.Errorf("%s has no type", path) })
		for schema := range doc.Components.Schemas {
			for parameter := range doc.Components.Parameters {
				if strings.EqualFold(schema, parameter) {
					t.Errorf("%s: %s is a schema and a parameter", name, schema)
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
