package main

import (
	"strings"
	"testing"
)

// TestManual checks that the manual page has each command and each flag of serve, and that it escapes what man would read
// as its own language.
func TestManual(t *testing.T) {
	page := shell{T: t}.ok("man")
	parser, err := newParser(stdio{}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(true) {
		if !strings.Contains(page, "\n.SS "+roff(strings.TrimPrefix(leaf.Path(), "keyseatd "))+"\n") {
			t.Errorf("there is no %s", leaf.Path())
		}
		for _, f := range leaf.Flags {
			if !strings.Contains(page, "\n.B "+roff("--"+f.Name)) && !f.Hidden {
				t.Errorf("there is no --%s", f.Name)
			}
		}
	}
	if strings.Contains(page, "\n-") || strings.Contains(page, "\\n") || roff("a\n.b\\c-d\n'e") != "a\n\\&.b\\ec\\-d\n\\&'e" {
		t.Error(page)
	}
}
