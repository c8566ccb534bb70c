package holderpage_test

import (
	"encoding/json"
	"fmt"
	"html"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/holderpage"
)

// languages are the languages that the package has.
var languages = []string{"en", "de", "es", "fr", "it", "pl", "pt", "tr"}

var (
	textLine    = regexp.MustCompile(`(?m)^{{define "([^"]+)"}}(.*){{end}}$`)
	placeholder = regexp.MustCompile(`[ {](\.[A-Za-z]*)[ }]`)
	wordForms   = regexp.MustCompile(`"(?:one|few|other)" "([^"]*)"`)
)

// texts returns the texts in a file of a language, by name.
func texts(content string) map[string]string {
	all := map[string]string{}
	for _, m := range textLine.FindAllStringSubmatch(content, -1) {
		all[m[1]] = m[2]
	}
	return all
}

// missing lists what the texts of a language lack, compared with those of another one. placeholders are the
// data that a text shows.
func missing(texts, other map[string]string) (faults []string) {
	for name, text := range other {
		got, found := texts[name]
		switch {
		case !found || got == "":
			faults = append(faults, name+" is missing")
		case !slices.Equal(placeholders(got), placeholders(text)):
			faults = append(faults, fmt.Sprintf("%s has the placeholders %q, not %q", name, placeholders(got), placeholders(text)))
		}
	}
	return faults
}

func placeholders(text string) []string {
	all := map[string]bool{}
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		all[m[1]] = true
	}
	return slices.Sorted(maps.Keys(all))
}

// TestMissing checks that missing finds planted faults.
func TestMissing(t *testing.T) {
	en := texts("{{define \"a\"}}x{{end}}\n{{define \"b\"}}{{if .Wait}}{{.Wait}} s{{end}}{{end}}\n{{define \"c\"}}{{.}} z{{end}}\n")
	for planted, want := range map[string]int{
		`{"a":"y","b":"{{if .Wait}}s{{end}}","c":"z {{.}}"}`: 0, `{"a":"y","b":"{{.Wait}}"}`: 1, `{"a":"y","b":"y","c":"{{.}}"}`: 1,
		`{"a":"","b":"{{.Wait}}","c":"{{.X}}"}`: 2,
	} {
		var other map[string]string
		if err := json.Unmarshal([]byte(planted), &other); err != nil {
			t.Fatal(err)
		}
		if got := missing(other, en); len(got) != want {
			t.Errorf("%s: %q", planted, got)
		}
	}
}

// TestEveryLanguageHasEveryText compares each language with English, and with German for the texts that English
// does not need, such as the sentences of the API. No text of a language may be the English one by mistake.
func TestEveryLanguageHasEveryText(t *testing.T) {
	all := map[string]map[string]string{}
	for _, tag := range languages {
		content, err := os.ReadFile("files/texts." + tag + ".html")
		if err != nil {
			t.Fatal(err)
		}
		all[tag] = texts(string(content))
		if n := strings.Count(string(content), "{{define"); n != len(all[tag]) {
			t.Errorf("%s has %d texts, of which %d are read", tag, n, len(all[tag]))
		}
	}
	for _, tag := range languages[1:] {
		faults := slices.Concat(missing(all[tag], all["en"]), missing(all[tag], all["de"]))
		if len(all["de"]) < 130 || len(faults) > 0 {
			t.Errorf("%s: %q", tag, faults)
		}
		for name, text := range all[tag] {
			if strings.Contains(text, "plural") && len(wordForms.FindAllString(text, -1)) < 2 {
				t.Errorf("%s: %s lacks a form: %s", tag, name, text)
			}
			if _, known := all["en"][name]; !known && !strings.HasPrefix(name, "message-") && !strings.HasPrefix(name, "country-") {
				t.Errorf("%s: nothing uses %s", tag, name)
			}
			if len(text) > 30 && text == all["en"][name] {
				t.Errorf("%s: %s is not translated", tag, name)
			}
		}
	}
}

// documentedMessages returns the sentences that the OpenAPI document of the API lists.
func documentedMessages(t *testing.T) []string {
	t.Helper()
	var document struct {
		Components struct {
			Schemas map[string]struct {
				Enum       []any
				Properties struct{ Message struct{ Const string } }
			}
		}
	}
	content, err := os.ReadFile("../admin/public-openapi.json")
	if err == nil {
		err = json.Unmarshal(content, &document)
	}
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, name := range []string{"Ended", "Refusal", "Sent", "NotExist", "TooMany", "Unavailable"} {
		schema := document.Components.Schemas[name]
		all[schema.Properties.Message.Const] = true
		for _, sentence := range schema.Enum {
			all[fmt.Sprint(sentence)] = true
		}
	}
	delete(all, "")
	return slices.Sorted(maps.Keys(all))
}

// TestDocumentedMessagesAreTranslated checks that the page shows each documented sentence in every language. In
// English it shows the sentence itself.
func TestDocumentedMessagesAreTranslated(t *testing.T) {
	all := documentedMessages(t)
	if len(all) < 25 {
		t.Fatalf("only %d sentences are documented", len(all))
	}
	sentence := ""
	p := newPage(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "error", "message": sentence})
	}), nil)
	for _, tag := range languages {
		for _, sentence = range all {
			w := send(t, p, "POST", "/?lang="+tag, strings.NewReader("do=upgrade&key=K&part=answer"), formType)
			if shown := strings.Contains(html.UnescapeString(w.Body.String()), ">"+sentence+"<"); shown != (tag == "en") {
				t.Errorf("%s: the page shows %q: %t", tag, sentence, shown)
			}
		}
	}
}

// TestLanguageOfThePage checks that the language in the URL is taken, or else the best one that the browser
// accepts, or else English. Numbers, countries and their order are those of the language.
func TestLanguageOfThePage(t *testing.T) {
	p := newPage(t, newAPI(t), nil)
	for _, c := range []struct{ lang, accept, tag, text string }{
		{"", "", "en", "<h1>Check or use your key</h1>"},
		{"", "de-AT,de;q=0.9,en;q=0.8", "de", "Türkei</span> <span class=\"count\">1 Platz<"},
		{"", "sv, pl;q=0.5", "pl", "Turcja</span> <span class=\"count\">1 miejsce<"},
		{"", "pt-BR", "pt", "Türkiye" + "|Turquia"},
		{"", "*", "en", "Türkiye"},
		{"", "sv", "en", "Türkiye"},
		{"", strings.Repeat("x-", 2000), "en", "Türkiye"},
		{"fr", "de", "fr", "Turquie"},
		{"tr", "", "tr", "Türkiye"},
		{"es", "", "es", "Macedonia del Norte"},
		{"it", "", "it", "Controlla la chiave"},
		{"nonsense<", "de", "de", "Schlüssel prüfen"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/?lang="+url.QueryEscape(c.lang), nil)
		r.Header.Set("Accept-Language", c.accept)
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		found := slices.ContainsFunc(strings.Split(c.text, "|"), func(text string) bool { return strings.Contains(w.Body.String(), text) })
		if !strings.Contains(w.Body.String(), `<html lang="`+c.tag+`">`) || !found {
			t.Errorf("%q, %q: not %s with %s", c.lang, c.accept, c.tag, c.text)
		}
		if n := strings.Count(w.Body.String(), `aria-current="true"`); n != 1 || !strings.Contains(w.Body.String(), `<a href="?lang=pl" lang="pl" hreflang="pl"`) {
			t.Errorf("the switch has %d current languages", n)
		}
		if size := w.Body.Len(); size > 60<<10 {
			t.Errorf("%s has %d bytes", c.tag, size)
		}
	}
}

// TestOwnLanguage checks that a folder can add a language, and change one text in one language.
func TestOwnLanguage(t *testing.T) {
	p := newPage(t, newAPI(t), files(
		"texts.nl.html", `{{define "lead-title"}}Hallo{{end}}{{define "message-password_missing"}}Geen wachtwoord{{end}}{{define "country-TR"}}Turkije{{end}}`,
		"texts.de.html", `{{define "lead-title"}}Moin{{end}}`,
		"texts.pt-br.html", `{{define "lead-title"}}Oi{{end}}`,
		"all.html", `{{define "foot"}}Shop{{end}}{{define "do-info"}}Look{{end}}`))
	for target, want := range map[string][]string{
		"/?lang=nl": {"<h1>Hallo</h1>", `lang="nl"`, ">Nederlands</a>", "<p>Shop</p>", "Turkije", "Geen wachtwoord", "Nothing was sent"},
		"/?lang=de": {"<h1>Moin</h1>", ">Nederlands</a>", "<p>Shop</p>", "Look", "Es wurde nichts gesendet"},
		"/?lang=en": {"<h1>Check or use your key</h1>", "<p>Shop</p>"},

		"/?lang=pt-BR": {"<h1>Oi</h1>", `lang="pt-BR"`, "Nothing was sent"},
	} {
		w := send(t, p, "POST", target, strings.NewReader("do=upgrade&key=K"), formType)
		for _, text := range want {
			if !strings.Contains(w.Body.String(), text) {
				t.Errorf("%s lacks %s", target, text)
			}
		}
	}
}

// TestFaultyFiles checks that the error of a faulty file names the file, its line and what to do.
func TestFaultyFiles(t *testing.T) {
	for _, c := range []struct{ name, content, want string }{
		{"bad.html", "\n{{define", "bad.html:2: unclosed action: correct the file, or remove it"},
		{"end.html", "{{define \"brand\"}}\n\nx", "end.html:3: unexpected EOF: correct the file"},
		{"func.html", "\n\n{{define \"brand\"}}{{shop}}{{end}}", `func.html:3: function "shop" not defined: correct the file`},
		{"field.html", "\n{{define \"hint\"}}{{if eq .State \"limited\"}}{{.NoSuch}}{{end}}{{end}}", "field.html:2:"},
		{"gone.html", "\n{{define \"free\"}}{{template \"nothing\"}}{{end}}", `gone.html:2:`},
		{"typo.html", "{{define \"brand\"}}x{{end}}\n{{define \"headlin\"}}x{{end}}", `typo.html:2: the page has no text with the name "headlin": correct the name`},
		{"plural.html", "{{define \"slots\"}}{{plural . \"one\"}}{{end}}", `plural.html:1:`},
		{"script.js", "x\n</script>y", `script.js:2: "</s" could end`},
		{"style.css", "</STYLE>", "style.css:1:"},
		{"theme.css", "\n\n</style>", "theme.css:3:"},
		{"texts.nonsense1234.html", "", "texts.nonsense1234.html: the middle of the name is not a language"},
		{"texts..html", "", "texts..html: the middle of the name is not a language"},
		{"readme.txt", "", "no file that the page uses"},
	} {
		_, err := holderpage.New(newAPI(t), holderpage.Options{Files: files(c.name, c.content)})
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, not %q", c.name, err, c.want)
		}
	}
}

// TestBuiltInFilesCanBeCopied checks that a shop can start with a copy of the files of the package.
func TestBuiltInFilesCanBeCopied(t *testing.T) {
	names, err := fs.Glob(os.DirFS("files"), "*")
	if err != nil || len(names) < 12 {
		t.Fatalf("%q, %v", names, err)
	}
	want := send(t, newPage(t, newAPI(t), nil), "GET", "/?lang=pl", nil, "").Body.String()
	if got := send(t, newPage(t, newAPI(t), os.DirFS("files")), "GET", "/?lang=pl", nil, "").Body.String(); got != want {
		t.Error("a copy of the files gives another page")
	}
	for _, name := range names {
		if path.Ext(name) == ".css" && !strings.HasPrefix(name, "style") {
			t.Errorf("%s is not documented", name)
		}
	}
}
