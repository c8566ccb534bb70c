package holderpage

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"strings"
	"time"
)

// own contains the files that are part of the package.
//
//go:embed files
var own embed.FS

// A design contains the templates of the page, its style and its script.
type design struct {
	look          *template.Template
	style, script string
}

// functions lists the functions that templates can use in addition to those of html/template.
var functions = template.FuncMap{
	"day": func(t time.Time) string { return t.UTC().Format("2 January 2006") },
	"iso": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
}

// load reads the package's files and then the files of custom, which replace them.
func load(custom fs.FS) (d design, err error) {
	files, err := fs.Sub(own, "files")
	if err != nil {
		return d, err
	}
	d.look = template.New("").Funcs(functions)
	theme := ""
	for _, from := range []fs.FS{files, custom} {
		if from == nil {
			continue
		}
		err = errors.Join(d.parse(from), replace(from, "style.css", &d.style), replace(from, "script.js", &d.script), replace(from, "theme.css", &theme))
		if err != nil {
			return d, err
		}
	}
	d.style += theme
	return d, nil
}

// parse adds the templates of a file system. A template replaces an earlier one of the same name.
func (d *design) parse(from fs.FS) error {
	names, err := fs.Glob(from, "*.html")
	if err != nil || len(names) == 0 {
		return err
	}
	_, err = d.look.ParseFS(from, names...)
	return err
}

// replace reads a file into text. If the file does not exist, text keeps its value.
func replace(from fs.FS, name string, text *string) error {
	content, err := fs.ReadFile(from, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && strings.Contains(strings.ToLower(string(content)), "</s") {
		err = fmt.Errorf("%s must not have %q, which could end its element", name, "</s")
	}
	*text = string(content)
	return err
}

// policy returns the Content-Security-Policy of the page. It allows the style and the script by their
// hashes, the page's own forms, and requests to its own origin.
func (d *design) policy() string {
	return strings.Join([]string{
		"default-src 'none'", "style-src " + hash(d.style), "script-src " + hash(d.script),
		"img-src data:", "connect-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'",
	}, "; ")
}

// hash returns the hash of a text in the form of a Content-Security-Policy.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
