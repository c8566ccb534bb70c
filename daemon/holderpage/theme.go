package holderpage

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"time"
)

// embedded contains the files that are part of the package.
//
//go:embed files
var embedded embed.FS

// A theme contains the templates of the page, its style and its script.
type theme struct {
	templates     *template.Template
	style, script string
}

// templateFuncs lists the functions that templates can use in addition to those of html/template.
var templateFuncs = template.FuncMap{
	"day": func(t time.Time) string { return t.UTC().Format("2 January 2006") },
	"iso": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
}

// loadTheme reads the package's files and then the files of custom, which replace them.
func loadTheme(custom fs.FS) (t theme, err error) {
	files, err := fs.Sub(embedded, "files")
	if err != nil {
		return t, err
	}
	t.templates = template.New("").Funcs(templateFuncs)
	added := ""
	for _, from := range []fs.FS{files, custom} {
		if from == nil {
			continue
		}
		err = errors.Join(t.parseTemplates(from), readFile(from, "style.css", &t.style), readFile(from, "script.js", &t.script), readFile(from, "theme.css", &added))
		if err != nil {
			return t, err
		}
	}
	t.style += added
	return t, nil
}

// parseTemplates adds the templates of a file system. A template replaces an earlier one of the same name.
func (t *theme) parseTemplates(from fs.FS) error {
	names, err := fs.Glob(from, "*.html")
	if err != nil || len(names) == 0 {
		return err
	}
	_, err = t.templates.ParseFS(from, names...)
	return err
}

// readFile reads a file into text. If the file does not exist, text keeps its value.
func readFile(from fs.FS, name string, text *string) error {
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
func (t *theme) policy() string {
	return strings.Join([]string{
		"default-src 'none'", "style-src " + hash(t.style), "script-src " + hash(t.script),
		"img-src data:", "connect-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'",
	}, "; ")
}

// hash returns the hash of a text in the form of a Content-Security-Policy.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// selfTest renders the page once in each state, so that New finds an invalid template before a reader does.
func (p *Page) selfTest() error {
	for _, answer := range sampleAnswers() {
		data := pageData{Stock: Stock{Known: true, Free: []Country{{"A", "AA", 1}}, Others: []Country{{"B", "BB", 0}}}, Answer: &answer}
		if err := p.templates.ExecuteTemplate(io.Discard, "page", data); err != nil {
			return err
		}
	}
	return nil
}

// sampleAnswers returns an answer for each state.
func sampleAnswers() []Answer {
	var all []Answer
	for _, status := range []string{"active", "in_queue", "success", "failed_upgrade", "success_renew", "failed", "not_exist", "error"} {
		all = append(all, Answer{Do: doInfo, Code: http.StatusOK, Status: status, Message: "m", Used: 1, Username: "u", UsedDate: &time.Time{}})
	}
	all = append(all,
		Answer{Do: doInfo, Code: http.StatusOK, Status: "active"},
		Answer{Do: doInfo, Code: http.StatusOK, Status: "active", Invite: "https://h", Address: "a"},
		Answer{Do: doUpgrade, Code: http.StatusOK, Status: "success"})
	for _, code := range []int{http.StatusBadRequest, http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		all = append(all, Answer{Do: doRenew, Code: code, Status: "error", Wait: "1"})
	}
	return all
}
