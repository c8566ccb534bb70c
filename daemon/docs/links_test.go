package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// pages returns the text of every Markdown file of the repository, by its path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if entry != nil && entry.Name() == ".git" && entry.IsDir() {
			return fs.SkipDir
		}
		if err != nil || filepath.Ext(path) != ".md" {
			return err
		}
		text, err := os.ReadFile(path)
		all[filepath.Clean(path)] = string(text)
		return err
	})
	if err != nil || len(all) < 15 {
		t.Fatalf("%d pages, %v", len(all), err)
	}
	return all
}

var (
	fence    = regexp.MustCompile("(?ms)^```.*?^```$")
	inline   = regexp.MustCompile("`[^`\n]*`")
	link     = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notInID  = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	external = regexp.MustCompile(`^[a-z]+:`)
)

// anchors returns the anchors of a page: those that GitHub makes of its headings.
func anchors(page string) map[string]bool {
	all := map[string]bool{}
	for _, h := range heading.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		all[strings.ReplaceAll(notInID.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-")] = true
	}
	return all
}

// brokenLinks returns the links of a page whose file or anchor does not exist. A command makes the images, so they
// may be missing.
func brokenLinks(all map[string]string, path string) (broken []string) {
	text := inline.ReplaceAllString(fence.ReplaceAllString(all[path], ""), "")
	for _, found := range link.FindAllStringSubmatch(text, -1) {
		if external.MatchString(found[1]) || filepath.Ext(found[1]) == ".png" {
			continue
		}
		file, anchor, hasAnchor := strings.Cut(found[1], "#")
		target := path
		if file != "" {
			target = filepath.Join(filepath.Dir(path), file)
		}
		_, err := os.Stat(target)
		page, isPage := all[target]
		if hasAnchor && (!isPage || !anchors(page)[anchor]) || !isPage && err != nil {
			broken = append(broken, found[1])
		}
	}
	return broken
}

// TestLinks checks that the relative links of all pages, and their anchors, exist.
func TestLinks(t *testing.T) {
	all := pages(t)
	for path := range all {
		for _, target := range brokenLinks(all, path) {
			t.Errorf("%s: %s does not exist", path, target)
		}
	}
}

// TestLengths checks that the README stays one that a newcomer reads, and that every page has one topic.
func TestLengths(t *testing.T) {
	for path, text := range pages(t) {
		most := 600
		if path == filepath.Join(root, "README.md") {
			most = 150
		}
		if n := strings.Count(text, "\n"); n > most {
			t.Errorf("%s has %d lines, more than %d", path, n, most)
		}
	}
}

// TestLinkCheckFails checks links that do not exist.
func TestLinkCheckFails(t *testing.T) {
	all := map[string]string{
		"a.md": "# The `a` page, 2\n[x](b.md) [x](#the-a-page-2) [x](b.md#two) [x](https://example.com/x) ![x](x.png)\n" +
			"```\n# not a heading\n[x](in-a-block)\n```\n`[x](in-code)`\n",
		"b.md": "## Two\n[x](none.md) [x](a.md#none) [x](links_test.go) [x](links_test.go#one) [x](#three)",
	}
	if broken := brokenLinks(all, "a.md"); broken != nil {
		t.Errorf("broken: %q", broken)
	}
	if broken := strings.Join(brokenLinks(all, "b.md"), " "); broken != "none.md a.md#none links_test.go#one #three" {
		t.Errorf("broken: %q", broken)
	}
}
