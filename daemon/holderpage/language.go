package holderpage

import (
	"cmp"
	"fmt"
	"html"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/collate"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/tasks"
)

// A Language is a language of the page.
type Language struct {
	Tag  string // its BCP 47 tag, such as "de"
	Name string // its name in the language itself, such as "Deutsch"

	texts func() (*texts, error)
}

// texts are the texts of a language, and the names of countries in it.
type texts struct {
	language  *Language
	tag       language.Tag
	templates *template.Template
	messages  map[string]string // the translations of the API's sentences
	countries map[string]string // the names of countries, by code
	place     map[string]int    // the place of each country in the order of these names
}

// dictionaries have the names of countries. A language without a dictionary shows the English names.
var dictionaries = map[string]*display.Dictionary{
	"de": display.German, "es": display.Spanish, "fr": display.French, "it": display.Italian,
	"pt": display.Portuguese, "tr": display.Turkish, "pl": display.Polish,
}

// newLanguage returns a language. Its templates are parsed when the language is first used.
func newLanguage(tag language.Tag, parse func(template.FuncMap) (*template.Template, error)) *Language {
	name := display.Self.Name(tag)
	first, size := utf8.DecodeRuneInString(name)
	l := &Language{Tag: tag.String(), Name: string(unicode.ToTitle(first)) + name[size:]}
	l.texts = sync.OnceValues(func() (*texts, error) {
		t := &texts{language: l, tag: tag, messages: map[string]string{}}
		var err error
		if t.templates, err = parse(t.funcs()); err != nil {
			return nil, err
		}
		for sentence, code := range sentences() {
			t.messages[sentence] = cmp.Or(t.text("message-"+code), sentence)
		}
		t.nameCountries()
		return t, nil
	})
	return l
}

// nameCountries sets the names of all countries. A text such as "country-MK" replaces the built-in name.
func (t *texts) nameCountries() {
	t.countries, t.place = map[string]string{}, map[string]int{}
	var codes []string
	for _, c := range daemon.Countries() {
		name := daemon.CountryName(c)
		if dictionary := dictionaries[t.tag.String()]; dictionary != nil {
			name = cmp.Or(dictionary.Regions().Name(language.MustParseRegion(string(c))), name)
		}
		t.countries[string(c)] = cmp.Or(t.text("country-"+string(c)), name)
		codes = append(codes, string(c))
	}
	order := collate.New(t.tag)
	slices.SortFunc(codes, func(x, y string) int { return order.CompareString(t.countries[x], t.countries[y]) })
	for i, code := range codes {
		t.place[code] = i
	}
}

func (t *texts) countryName(c Country) string { return cmp.Or(t.countries[c.Code], c.Name) }

func (t *texts) sortCountries(list []Country) {
	slices.SortFunc(list, func(x, y Country) int { return cmp.Compare(t.place[x.Code], t.place[y.Code]) })
}

// text renders a template that needs no data. It returns "" if the language has no template of that name.
func (t *texts) text(name string) string {
	if t.templates.Lookup(name) == nil {
		return ""
	}
	var text strings.Builder
	if err := t.templates.ExecuteTemplate(&text, name, nil); err != nil {
		return "" // selfTest reports the error
	}
	return html.UnescapeString(strings.TrimSpace(text.String()))
}

// refusalFields maps each refusal to the field of the form that the refusal is about, or to "".
var refusalFields = map[tasks.Refusal]string{
	tasks.UnknownKey: "key", tasks.PasswordMissing: "pwd", tasks.PasswordWeak: "pwd", tasks.LoginMissing: "login",
	tasks.CountryInvalid: "country", tasks.EmailInvalid: "newemail",
	tasks.UpgradeOpen: "", tasks.RenewOpen: "", tasks.KeyUsed: "", tasks.KeyUnused: "", tasks.KeyLegacy: "",
}

// sentences maps each sentence that the API documents to a name. The text "message-NAME" of a language translates the
// sentence.
var sentences = sync.OnceValue(func() map[string]string {
	all := map[string]string{"Too many requests, try again later": "limited"}
	for _, kind := range tasks.Kinds() {
		all[kind.Accepted()] = "accepted_" + string(kind)
		for _, o := range tasks.Outcomes(kind) {
			all[o.Message(kind)] = string(o)
		}
	}
	all[tasks.Success.Message(tasks.Renew)] = "renewed"
	for refusal := range refusalFields {
		all[refusal.Error()] = string(refusal)
	}
	delete(all, "") // a successful upgrade has no message
	return all
})

// pluralForms are the names of the plural forms in templates.
var pluralForms = map[plural.Form]string{
	plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many",
}

// funcs returns the functions that templates can use in addition to those of html/template.
func (t *texts) funcs() template.FuncMap {
	return template.FuncMap{
		"iso":    func(at time.Time) string { return at.UTC().Format(time.RFC3339) },
		"utc":    func(at time.Time) string { return at.UTC().Format("2006-01-02 15:04 UTC") },
		"format": func(layout string, at time.Time) string { return at.UTC().Format(layout) },
		"plural": func(number any, forms ...string) (string, error) { return pluralForm(t.tag, number, forms) },
		"state":  t.state,
	}
}

// state renders the text for the state of an answer. For example, {{state "headline" .}} renders the template
// "headline-active" for an answer in the state active. It returns "" for a state without such a text.
func (t *texts) state(kind string, a Answer) (template.HTML, error) {
	found := t.templates.Lookup(kind + "-" + a.State())
	if found == nil {
		return "", nil
	}
	var text strings.Builder
	err := found.Execute(&text, a)
	return template.HTML(text.String()), err //nolint:gosec // html/template has escaped it
}

// pluralForm returns the form of a word that fits a number. The argument forms contains the name and the text of each
// form in turn. The form "other" is for numbers whose own form is missing.
func pluralForm(tag language.Tag, number any, forms []string) (string, error) {
	n, err := strconv.Atoi(fmt.Sprint(number))
	if err != nil {
		return "", fmt.Errorf("plural needs a number, not %q", fmt.Sprint(number))
	}
	want, other := pluralForms[plural.Cardinal.MatchPlural(tag, n, 0, 0, 0, 0)], ""
	for pair := range slices.Chunk(forms, 2) {
		switch {
		case len(pair) < 2:
			return "", fmt.Errorf("plural: the form %q has no text", pair[0])
		case pair[0] == want:
			return pair[1], nil
		case pair[0] == "other":
			other = pair[1]
		}
	}
	return other, nil
}
