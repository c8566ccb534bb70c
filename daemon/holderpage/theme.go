package holderpage

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

//go:embed files
var embedded embed.FS

// Options change the look of a page. The zero value is the built-in look.
type Options struct {
	Files fs.FS  // files that replace those of the package, as the package documentation describes; nil: none
	Brand string // the name of the shop; "": the text of the template "brand"
	Color string // the color of buttons and links, as #rrggbb or #rgb, see [Accent]; "": the color in the style sheet
}

// A theme is the look and the languages of a page, as read from its files.
type theme struct {
	languages []*Language // English first, then the others in the order in which their files were found
	matcher   language.Matcher
	policy    string // the Content-Security-Policy
	style     template.CSS
	script    template.JS
	icon      string // the color of the icon, as rrggbb
}

// newTheme reads the files of the package, and then the files of o, which replace them.
func newTheme(o Options) (t theme, err error) {
	built, _ := fs.Sub(embedded, "files") // fails only for an invalid name of the folder
	sources := []fs.FS{built}
	if o.Files != nil {
		if err := checkFiles(built, o.Files); err != nil {
			return t, err
		}
		sources = append(sources, o.Files)
	}
	if err = t.readStyle(sources, o.Color); err == nil {
		err = t.readLanguages(sources, o)
	}
	return t, err
}

// readStyle reads the style and the script. The Content-Security-Policy allows the style and the script by their
// hashes. It also allows the page's forms, and requests to the origin of the page.
func (t *theme) readStyle(sources []fs.FS, accent string) error {
	style, script, css, added := "", "", "", ""
	t.icon = "4b4ddb"
	for _, from := range sources {
		err := errors.Join(readFile(from, "style.css", &style), readFile(from, "script.js", &script), readFile(from, "theme.css", &added))
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
	style += css + added
	t.style, t.script = template.CSS(style), template.JS(script) //nolint:gosec // they are files of the program or of its operator
	t.policy = strings.Join([]string{
		"default-src 'none'", "style-src " + hash(style), "script-src " + hash(script),
		"img-src data:", "connect-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'",
	}, "; ")
	return nil
}

// readLanguages finds the languages. The templates of a language are parsed at its first use, because that takes long.
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

// language returns the language in the URL, or else the best language that the browser accepts, or else English.
func (t *theme) language(r *http.Request) *Language {
	_, i := language.MatchStrings(t.matcher, r.URL.Query().Get("lang"), r.Header.Get("Accept-Language"))
	return t.languages[i]
}

// languageFile matches the names of the files with the texts of one language, such as texts.de.html.
var languageFile = regexp.MustCompile(`^texts\.(.*)\.html$`)

// languageOf returns the language of a file whose name matches [languageFile]. For example, texts.pt-br.html and
// texts.pt-BR.html have the same language.
func languageOf(name string) (language.Tag, error) {
	return language.Parse(languageFile.FindStringSubmatch(name)[1])
}

// findLanguages returns the languages that have a file, English first.
func findLanguages(sources []fs.FS) ([]language.Tag, error) {
	tags := []language.Tag{language.English}
	for _, from := range sources {
		names, err := fs.Glob(from, "texts.*.html")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			tag, err := languageOf(name)
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

// parseTemplates parses the templates of one language. A template replaces an earlier template of the same name. The
// English texts come first, so that a text that the language lacks appears in English.
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

// filesFor returns the names of the files that a language uses, in the order in which they are parsed. The files of all
// languages come first, then the English texts if english is true, and then the texts of the language.
func filesFor(from fs.FS, tag language.Tag, english bool) (names []string, err error) {
	all, err := fs.Glob(from, "*.html")
	names = slices.DeleteFunc(slices.Clone(all), languageFile.MatchString)
	if english && tag != language.English {
		names = append(names, textFiles(all, language.English)...)
	}
	return append(names, textFiles(all, tag)...), err
}

// textFiles returns the names of the files with the texts of a language.
func textFiles(all []string, tag language.Tag) (names []string) {
	for _, name := range all {
		if !languageFile.MatchString(name) {
			continue
		}
		if found, err := languageOf(name); err == nil && found == tag {
			names = append(names, name)
		}
	}
	return names
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

// hash returns the hash of a text in the form of a Content-Security-Policy.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// checkFiles checks that the page uses at least one of the custom files, and that every template in them has a known
// name. Otherwise a template with a misspelled name would replace nothing, without an error.
func checkFiles(built, custom fs.FS) error {
	known := map[string]bool{} // the names of templates that the package defines, or that any file uses
	for _, from := range []fs.FS{built, custom} {
		err := eachTemplate(from, func(_, content string) error {
			for _, m := range templateName.FindAllStringSubmatch(content, -1) {
				if from == built || m[1] == "template" {
					known[m[2]] = true
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	used := slices.ContainsFunc([]string{"style.css", "script.js", "theme.css"}, func(name string) bool {
		_, err := fs.Stat(custom, name)
		return err == nil
	})
	err := eachTemplate(custom, func(name, content string) error {
		used = true
		return checkNames(name, content, known)
	})
	if err == nil && !used {
		err = errors.New("no file that the page uses: give the folder that has *.html, theme.css, style.css or script.js at its top")
	}
	return err
}

// eachTemplate calls do with the name and the content of each file of templates.
func eachTemplate(from fs.FS, do func(name, content string) error) error {
	names, err := fs.Glob(from, "*.html")
	for _, name := range names {
		var content []byte
		if content, err = fs.ReadFile(from, name); err == nil {
			err = do(name, string(content))
		}
		if err != nil {
			return err
		}
	}
	return err
}

// templateName matches where a template is defined or used, with the action and the name of the template.
var templateName = regexp.MustCompile(`{{-?\s*(define|block|template)\s+["` + "`" + `]([^"` + "`" + `]+)["` + "`" + `]`)

// checkNames returns an error if a file defines a template whose name is not in known. A name such as "country-MK" is
// allowed for any country. The names of templates that the file only uses are always in known.
func checkNames(name, content string, known map[string]bool) error {
	for _, at := range templateName.FindAllStringSubmatchIndex(content, -1) {
		template := content[at[4]:at[5]]
		if !known[template] && !strings.HasPrefix(template, "country-") {
			line := 1 + strings.Count(content[:at[0]], "\n")
			return fmt.Errorf("%s:%d: the page has no text with the name %q: correct the name", name, line, template)
		}
	}
	return nil
}

// describe returns the error of a template as an error for operators. Its text begins with the file and the line, and
// ends with advice.
func describe(err error) error {
	text := strings.TrimPrefix(strings.TrimPrefix(err.Error(), "html/"), "template:")
	return fmt.Errorf("%s: correct the file, or remove it to use the built-in one", strings.TrimSpace(text))
}
