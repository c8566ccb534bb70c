package docs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A block is a fenced block of a page. Its mark is the comment in the line before it.
type block struct{ page, mark, language, text string }

var fenced = regexp.MustCompile("(?m)(?:^<!-- (.*?) -->\n)?^```(\\w*)\n((?s:.*?))^```$")

// blocks returns the blocks of the README and of the pages of this folder.
func blocks(t *testing.T) (all []block) {
	t.Helper()
	for path, text := range pages(t) {
		if path != filepath.Join(root, "README.md") && filepath.Dir(path) != filepath.Join(root, "daemon/docs") {
			continue
		}
		for _, b := range fenced.FindAllStringSubmatch(text, -1) {
			all = append(all, block{filepath.Base(path), b[1], b[2], b[3]})
		}
	}
	return all
}

// find returns the text of a page's block that the named test runs.
func find(t *testing.T, page, test string) string {
	t.Helper()
	for _, b := range blocks(t) {
		if b.page == page && b.mark == "test: "+test {
			return b.text
		}
	}
	t.Fatalf("%s has no block %q", page, test)
	return ""
}

// compact returns a JSON text without white space between its parts.
func compact(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return b.String()
}

// needsMark are the languages whose blocks are run by a test, or say why not.
var needsMark = []string{"sh", "go", "python", "js", "php", "json", "html"}

// ownTest are the blocks without a mark that the test TestREADMECommands looks for.
var ownTest = []string{"go run ./daemon/keyseatd demo\n", "make test\n"}

// TestBlocksAreMarked checks that a test runs each block, or that the block says why not. It also checks that JSON is
// valid.
func TestBlocksAreMarked(t *testing.T) {
	tests := sources(t)
	marked := 0
	for _, b := range blocks(t) {
		test, isTested := strings.CutPrefix(b.mark, "test: ")
		reason, isExcused := strings.CutPrefix(b.mark, "not run: ")
		switch {
		case isTested && !strings.Contains(tests, `"`+test+`"`):
			t.Errorf("%s: no test names %q", b.page, test)
		case isTested, isExcused && len(reason) > 8:
			marked++
		case slices.Contains(needsMark, b.language) && !slices.Contains(ownTest, b.text):
			t.Errorf("%s: nothing says which test runs\n%s", b.page, b.text)
		}
		if b.language == "json" {
			checkJSON(t, b)
		}
	}
	if marked < 30 {
		t.Errorf("only %d blocks have a mark", marked)
	}
}

// checkJSON checks a block with one value, or with a value in each line.
func checkJSON(t *testing.T, b block) {
	t.Helper()
	for decoder := json.NewDecoder(strings.NewReader(b.text)); decoder.More(); {
		var value any
		if err := decoder.Decode(&value); err != nil {
			t.Errorf("%s: %v in\n%s", b.page, err, b.text)
			return
		}
	}
}

// sources returns the text of the tests that run blocks.
func sources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, pattern := range []string{"*_test.go", "../blackbox/operator/readme*_test.go", "../keyseatd/help_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, path := range files {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = fmt.Fprintln(&all, string(text))
		}
	}
	return all.String()
}
