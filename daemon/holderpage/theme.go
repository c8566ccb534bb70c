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
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"
)

// embedded contains the files that are part of the package.
//
//go:embed files
var embedded embed.FS

// A theme contains the languages of the page, its style and its script.
type theme struct {
	languages     []*Language // English first, then in the order of their tags
	matcher       language.Matcher
	style, script string
	icon          string // the color of the icon, as rrggbb
}

// loadTheme reads the package's files and then the files of o, which replace them.
func loadTheme(o Options) (t theme, err error) {
	built, err := fs.Sub(embedded, "files")
	if err != nil {
		return t, err
	}
	sources := []fs.FS{built}
	if o.Files != nil {
		if err := checkFiles(built, o.Files); err != nil {
			return t, err
		}
		sources = append(sources, o.Files)
	}
	if err := t.readStyle(sources, o.Color); err != nil {
		return t, err
	}
	return t, t.readLanguages(sources, o)
}

// readStyle reads the style and the script.
func (t *theme) readStyle(sources []fs.FS, accent string) error {
	css, added := "", ""
	t.icon = "4b4ddb"
	for _, from := range sources {
		err := errors.Join(readFile(from, "style.css", &t.style), readFile(from, "script.js", &t.script), readFile(from, "theme.css", &added))
		if err != nil {
			return err
		}
	}
	if accent != "" {
		c, err := parseColor(accent)
		if err != nil {
			return err
		}
		css, t.icon = c.style(), c.lightShade().String()[1:]
	}
	t.style += css + added
	return nil
}

// readLanguages finds the languages. Each parses its templates when it is first used, because that takes some
// milliseconds.
func (t *theme) readLanguages(sources []fs.FS, o Options) error {
	tags, err := findLanguages(sources)
	if err != nil {
		return err
	}
	for _, tag := range tags {
		t.languages = append(t.languages, newLanguage(tag, func(funcs template.FuncMap) (*template.Template, error) {
			return parseTemplates(sources, tag, funcs, o)
		}))
	}
	t.matcher = language.NewMatcher(tags)
	return nil
}

// languageFile matches the names of the files with the texts of one language, such as texts.de.html.
var languageFile = regexp.MustCompile(`^texts\.(.+)\.html$`)

// findLanguages returns the languages that have a file, English first.
func findLanguages(sources []fs.FS) ([]language.Tag, error) {
	tags := []language.Tag{language.English}
	for _, from := range sources {
		names, err := fs.Glob(from, "texts.*.html")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			tag, err := language.Parse(languageFile.FindStringSubmatch(name)[1])
			if err != nil {
				return nil, fmt.Errorf("%s: the middle of the name is not a language: use a tag such as in texts.nl.html", name)
			}
			if !slices.Contains(tags, tag) {
				tags = append(tags, tag)
			}
		}
	}
	return tags, nil
}

// parseTemplates parses the templates of one language. A template replaces an earlier one of the same name. The
// English texts come first, so that they stand in for texts that the language lacks.
func parseTemplates(sources []fs.FS, tag language.Tag, funcs template.FuncMap, o Options) (*template.Template, error) {
	t := template.New("").Funcs(funcs)
	for i, from := range sources {
		names, err := filesFor(from, tag, i == 0)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if _, err := t.ParseFS(from, name); err != nil {
				return nil, describe(err)
			}
		}
	}
	if o.Brand != "" {
		return t.Parse(fmt.Sprintf(`{{define "brand"}}{{%q}}{{end}}`, o.Brand))
	}
	return t, nil
}

// filesFor returns the names of the files that a language uses, in the order in which they are parsed: those
// of all languages first.
func filesFor(from fs.FS, tag language.Tag, english bool) (names []string, err error) {
	all, err := fs.Glob(from, "*.html")
	for _, name := range all {
		if !languageFile.MatchString(name) {
			names = append(names, name)
		}
	}
	own := "texts." + tag.String() + ".html"
	for _, name := range []string{"texts.en.html", own} {
		if slices.Contains(all, name) && (name == own || english) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, err
}

// readFile reads a file into text. If the file does not exist, text keeps its value.
func readFile(from fs.FS, name string, text *string) error {
	content, err := fs.ReadFile(from, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if at := strings.Index(strings.ToLower(string(content)), "</s"); err == nil && at >= 0 {
		line := 1 + strings.Count(string(content[:at]), "\n")
		err = fmt.Errorf("%s:%d: %q could end the element of the page that holds this file: remove it", name, line, "</s")
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

// selfTest renders the page once in each language and state, so that New finds an invalid template before a
// reader does.
func (p *Page) selfTest() error {
	stock := Stock{Known: true, Free: []Country{{"A", "AA", 1}}, Others: []Country{{"B", "BB", 0}}}
	for _, l := range p.languages {
		texts, err := l.texts()
		if err != nil {
			return err
		}
		for _, answer := range sampleAnswers() {
			data := pageData{Language: l, Languages: p.languages, Stock: stock, Answer: &answer}
			if err := texts.templates.ExecuteTemplate(io.Discard, "page", data); err != nil {
				return describe(err)
			}
		}
	}
	return nil
}

// sampleAnswers returns an answer for each state.
func sampleAnswers() []Answer {
	var all []Answer
	for _, status := range []string{stateActive, stateInQueue, stateSuccess, stateFailedUpgrade, stateSuccessRenew, stateFailed, stateNotExist, "error"} {
		all = append(all, Answer{
			Do: doInfo, Code: http.StatusOK, Status: status, Message: "m", Text: "t", Field: "key", Task: doRenew, Waited: newWaited(2 * time.Hour),
			Used: 1, Username: "u", UsedDate: &time.Time{},
		})
	}
	all = append(all,
		Answer{Do: doInfo, Code: http.StatusOK, Status: stateActive},
		Answer{Do: doInfo, Code: http.StatusOK, Status: stateActive, Invite: "https://h", Address: "a"},
		Answer{Do: doUpgrade, Code: http.StatusOK, Status: stateSuccess, Task: doUpgrade})
	for _, code := range []int{http.StatusBadRequest, http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		all = append(all, Answer{Do: doRenew, Code: code, Status: "error", Wait: "1"})
	}
	return all
}
