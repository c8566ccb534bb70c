package holderpage

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// errNoFiles means that a folder has no file that the page uses. Probably it is the wrong folder.
var errNoFiles = errors.New("no file that the page uses: give the folder that has *.html, theme.css, style.css or script.js at its top")

// checkFiles checks that the page uses at least one of the custom files, and the name of every template in them. A
// name with a typing error would otherwise replace nothing.
func checkFiles(built, custom fs.FS) error {
	names, err := fs.Glob(custom, "*")
	if err != nil {
		return err
	}
	known, err := usedNames(built, custom)
	if err != nil {
		return err
	}
	used := 0
	for _, name := range names {
		switch {
		case slices.Contains([]string{"style.css", "script.js", "theme.css"}, name):
			used++
		case path.Ext(name) == ".html":
			used++
			if err := checkNames(custom, name, known); err != nil {
				return err
			}
		}
	}
	if used == 0 {
		return errNoFiles
	}
	return nil
}

var (
	definition = regexp.MustCompile(`{{-?\s*(?:define|block)\s+["` + "`" + `]([^"` + "`" + `]+)["` + "`" + `]`)
	use        = regexp.MustCompile(`{{-?\s*template\s+["` + "`" + `]([^"` + "`" + `]+)["` + "`" + `]`)
)

// usedNames returns the names of the templates that the package defines, or that a template uses.
func usedNames(built, custom fs.FS) (map[string]bool, error) {
	known := map[string]bool{}
	found := func(text string, pattern *regexp.Regexp) {
		for _, m := range pattern.FindAllStringSubmatch(text, -1) {
			known[m[1]] = true
		}
	}
	for _, from := range []fs.FS{built, custom} {
		names, err := fs.Glob(from, "*.html")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			content, err := fs.ReadFile(from, name)
			if err != nil {
				return nil, err
			}
			if found(string(content), use); from == built {
				found(string(content), definition)
			}
		}
	}
	return known, nil
}

// checkNames checks the names of the templates that a file defines. The name of any country is allowed.
func checkNames(from fs.FS, name string, known map[string]bool) error {
	content, err := fs.ReadFile(from, name)
	if err != nil {
		return err
	}
	for _, at := range definition.FindAllSubmatchIndex(content, -1) {
		defined := string(content[at[2]:at[3]])
		if !known[defined] && !strings.HasPrefix(defined, "country-") {
			line := 1 + strings.Count(string(content[:at[0]]), "\n")
			return fmt.Errorf("%s:%d: the page has no text with the name %q: correct the name", name, line, defined)
		}
	}
	return nil
}

// describe returns the error of a template with the file and the line first, and what to do last.
func describe(err error) error {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "html/"), "template:")
	return fmt.Errorf("%s: correct the file, or remove it to use the built-in one", strings.TrimSpace(text))
}
