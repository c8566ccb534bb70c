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

// own are the files that come with the package.
//
//go:embed files
var own embed.FS

// A design is how the page looks: its templates, and the texts of its style and script.
type design struct {
	look          *template.Template
	style, script string
}

// functions are those that templates may use beside html/template's.
var functions = template.FuncMap{
	"day": func(t time.Time) string { return t.UTC().Format("2 January 2006") },
	"iso": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
}

// load reads the package's files, and then those of custom, which win.
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

// parse adds the templates of a file system to those that are there.
func (d *design) parse(from fs.FS) error {
	names, err := fs.Glob(from, "*.html")
	if err != nil || len(names) == 0 {
		return err
	}
	_, err = d.look.ParseFS(from, names...)
	return err
}

// replace reads a file, where there is one.
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

// policy allows the page its own style and script, known by what they are, its forms and its own calls.
func (d *design) policy() string {
	return strings.Join([]string{
		"default-src 'none'", "style-src " + hash(d.style), "script-src " + hash(d.script),
		"img-src data:", "connect-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'",
	}, "; ")
}

// hash is how a policy names a text.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
