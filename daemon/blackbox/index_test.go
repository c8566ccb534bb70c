package blackbox_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var packages = []string{"api", "operator", "faults", "linear", "attacks"}

// TestIndex checks that the index in doc.go names every test, that all named tests exist, and that every promise
// has a test.
func TestIndex(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, index, _ := strings.Cut(string(text), "# Index")
	indexed := map[string]bool{}
	for _, name := range regexp.MustCompile(`\w+\.Test\w+`).FindAllString(index, -1) {
		indexed[name] = true
	}
	written := tests(t)
	for name := range indexed {
		if !written[name] {
			t.Errorf("the index names %s, which does not exist", name)
		}
	}
	for name := range written {
		if !indexed[name] {
			t.Errorf("the index lacks %s", name)
		}
	}
	for _, promise := range regexp.MustCompile(`(?m)^//\t(\S.*)\n//(?:\t\S|\n)`).FindAllStringSubmatch(index, -1) {
		t.Errorf("no test for: %s", promise[1])
	}
}

// tests returns the tests of all packages, as package.TestName.
func tests(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, pkg := range packages {
		files, err := filepath.Glob(filepath.Join(pkg, "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pkg, len(files), err)
		}
		for _, path := range files {
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range file.Decls {
				f, is := d.(*ast.FuncDecl)
				if is && f.Recv == nil && strings.HasPrefix(f.Name.Name, "Test") && f.Name.Name != "TestMain" {
					all[pkg+"."+f.Name.Name] = true
				}
			}
		}
	}
	return all
}
