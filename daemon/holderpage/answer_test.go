package holderpage_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/holderpage"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// files returns a file system with files, given as pairs of name and content.
func files(pairs ...string) fstest.MapFS {
	all := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return all
}

var focused = regexp.MustCompile(`<[^>]* autofocus`)

var invalidField = regexp.MustCompile(`name="([a-z]+)"[^>]* aria-invalid="true" autofocus`)

// TestRefusalMarksItsField checks that without a script the page marks the field that a refusal is about, shows
// the sentence there and only there, and focuses the field instead of the answer.
func TestRefusalMarksItsField(t *testing.T) {
	p := newPage(t, newAPI(t), nil)
	for form, field := range map[string]string{
		"do=upgrade&key=K":               "pwd",
		"do=upgrade&key=K&pwd=p":         "login",
		"do=upgrade&key=K&pwd=p&login=l": "country",
		"do=info&key=none":               "key",
		"do=info&key=":                   "key",
		"do=renew&key=L&login=l&pwd=x":   "pwd",
		"do=renew&key=L&login=l&pwd=long-enough-1&newemail=x&country=TR": "newemail",
		"do=renew&key=L&login=l&pwd=long-enough-1&newemail=a%40b.com":    "country",
		"do=renew&key=K&login=l&pwd=long-enough-1":                       "",
		"do=info&key=K": "",
	} {
		body := send(t, p, "POST", "/", strings.NewReader(form), formType).Body.String()
		got := ""
		if m := invalidField.FindStringSubmatch(body); m != nil {
			got = m[1]
		}
		if got != field || len(focused.FindAllString(body, -1)) != 1 || strings.Count(body, `aria-invalid="true" autofocus`) > 1 {
			t.Errorf("%s: the field %q is marked, and %d elements want the focus", form, got, len(focused.FindAllString(body, -1)))
		}
		text := regexp.MustCompile(`<p id="` + field + `-error" class="error">[^<]+</p>`).FindString(body)
		if said := strings.Contains(body, `class="said" hidden>`); (field != "") != (text != "") || said != (text != "") {
			t.Errorf("%s: the text at the field is %q, hidden in the answer: %t", form, text, said)
		}
	}
}

// TestAnswerOffersTheNextCall checks that an answer has a button for the call that is possible with the key,
// and that the button opens the form with the key, without a call of the API.
func TestAnswerOffersTheNextCall(t *testing.T) {
	api := newAPI(t)
	p := newPage(t, api, nil)
	body := send(t, p, "POST", "/", strings.NewReader("do=info&key=K&part=answer"), formType).Body.String()
	for _, want := range []string{`name="open" value="upgrade"`, `name="key" value="K"`, ">Put an account in</button>"} {
		if !strings.Contains(body, want) {
			t.Errorf("the answer lacks %s", want)
		}
	}
	if wire := strings.Index(body, "<code>active</code>"); wire < strings.Index(body, "<details") {
		t.Error("the status of the API stands outside of the details")
	}
	api.Stop() // from here on, calls for a key would fail
	w := send(t, p, "POST", "/", strings.NewReader("open=upgrade&key=K"), formType)
	for _, want := range []string{`value="upgrade" checked`, `name="key" class="code" value="K"`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the form lacks %s", want)
		}
	}
}

// TestWaitingTaskShowsItsAge checks that a key in the queue shows the kind of its task, and for how long it has
// waited. A handler before the API hides the age.
func TestWaitingTaskShowsItsAge(t *testing.T) {
	now := time.Date(2026, 6, 2, 12, 0, 0, 0, time.UTC)
	store := memory.New(func() time.Time { return now })
	err := store.ImportKeys(t.Context(), adminstore.ImportBatch{ID: "b", Type: tasks.EventImported}, func(yield func(keys.Key, error) bool) {
		_ = yield(keys.Key{Code: "R", Status: keys.Active, Used: true}, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	api := &daemon.API{Engine: daemon.NewEngine(store, simulator.Connector{}, plain{}, tasks.DefaultRules())}
	p := newPage(t, api, nil)
	renew := "do=renew&key=R&login=l&pwd=long-enough-1&part=answer"
	for _, step := range []struct {
		form, lang string
		minutes    int
		want       string
	}{
		{renew, "en", 0, `<p class="age">Renew, for less than a minute</p>`},
		{"do=info&key=R&part=answer", "en", 1, `<p class="age">Renew, for 1 minute</p>`},
		{"do=info&key=R&part=answer", "en", 2, `<p class="age">Renew, for 3 minutes</p>`},
		{"do=info&key=R&part=answer", "de", 0, `<p class="age">Erneuern, seit 3 Minuten</p>`},
		{"do=info&key=R&part=answer", "en", 56, `<p class="age">Renew, for 59 minutes</p>`},
		{"do=info&key=R&part=answer", "de", 1, `<p class="age">Erneuern, seit 1 Stunde</p>`},
		{"do=info&key=R&part=answer", "en", 119, `<p class="age">Renew, for 2 hours</p>`},
		{"do=info&key=R&part=answer", "es", 1, `, desde hace 3 horas</p>`},
		{"do=info&key=R&part=answer", "fr", 0, `, depuis 3 heures</p>`},
		{"do=info&key=R&part=answer", "it", 0, `, da 3 ore</p>`},
		{"do=info&key=R&part=answer", "pl", 0, `, od 3 godzin</p>`},
		{"do=info&key=R&part=answer", "pt", 0, `, há 3 horas</p>`},
		{"do=info&key=R&part=answer", "tr", 0, `, 3 saattir</p>`},
		{"do=info&key=R&part=answer", "en", 21 * 60, `<p class="age">Renew, for 1 day</p>`},
		{"do=info&key=R&part=answer", "de", 2 * 24 * 60, `<p class="age">Erneuern, seit 3 Tagen</p>`},
		{"do=info&key=R&part=answer", "es", 0, `, desde hace 3 días</p>`},
		{"do=info&key=R&part=answer", "fr", 0, `, depuis 3 jours</p>`},
		{"do=info&key=R&part=answer", "it", 0, `, da 3 giorni</p>`},
		{"do=info&key=R&part=answer", "pl", 0, `, od 3 dni</p>`},
		{"do=info&key=R&part=answer", "pt", 0, `, há 3 dias</p>`},
		{"do=info&key=R&part=answer", "tr", 0, `, 3 gündür</p>`},
	} {
		now = now.Add(time.Duration(step.minutes) * time.Minute)
		w := send(t, p, "POST", "/?lang="+step.lang, strings.NewReader(step.form), formType)
		if !strings.Contains(w.Body.String(), step.want) {
			t.Errorf("%s lacks %s:\n%s", step.form, step.want, w.Body)
		}
	}
	w := send(t, newPage(t, wrapped{api}, nil), "POST", "/", strings.NewReader("do=info&key=R&part=answer"), formType)
	if !strings.Contains(w.Body.String(), `<p class="age">Renew</p>`) {
		t.Errorf("%s", w.Body)
	}
	if _, open := api.TaskAge(t.Context(), "none"); open {
		t.Error("a key that does not exist has an open task")
	}
}

// TestDelayIsInPeoplesUnits checks the unit of a delay in every language, and that each number gets its form.
func TestDelayIsInPeoplesUnits(t *testing.T) {
	after := ""
	p := newPage(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", after)
		w.WriteHeader(http.StatusTooManyRequests)
	}), nil)
	for _, c := range []struct{ after, lang, want string }{
		{"1", "en", "You can try again in 1 second."},
		{"90", "en", "in 90 seconds."},
		{"91", "en", "in 2 minutes."},
		{"354", "en", "in 6 minutes."},
		{"5400", "en", "in 90 minutes."},
		{"5401", "en", "in 2 hours."},
		{"-1", "en", "Please wait a moment."},
		{"", "en", "Please wait a moment."},
		{"Mon, 30 Nov 2026 02:00:00 GMT", "en", "Please wait a moment."},
		{"354", "de", "In 6 Minuten kannst"},
		{"354", "es", "en 6 minutos."},
		{"354", "fr", "dans 6 minutes."},
		{"354", "it", "tra 6 minuti."},
		{"354", "pl", "za 6 minut."},
		{"354", "pt", "em 6 minutos."},
		{"354", "tr", "6 dakika sonra"},
		{"7201", "de", "In 3 Stunden kannst"},
		{"7201", "es", "en 3 horas."},
		{"7201", "fr", "dans 3 heures."},
		{"7201", "it", "tra 3 ore."},
		{"7201", "pl", "za 3 godziny."},
		{"7201", "pt", "em 3 horas."},
		{"7201", "tr", "3 saat sonra"},
		{"1", "pl", "za 1 sekundę."},
	} {
		after = c.after
		body := send(t, p, "POST", "/?lang="+c.lang, strings.NewReader("do=info&key=K&part=answer"), formType).Body.String()
		if !strings.Contains(body, c.want) {
			t.Errorf("%s after %q lacks %q:\n%s", c.lang, c.after, c.want, body)
		}
	}
}

// TestAccent checks the contrast of every color that a shop can set: of all pairs that it is part of, in both
// styles. A color with enough contrast stays as it is.
func TestAccent(t *testing.T) {
	light, dark := styles(t)
	for i := range 6 * 6 * 6 {
		hex := fmt.Sprintf("#%02x%02x%02x", i%6*51, i/6%6*51, i/36*51)
		css, err := holderpage.AccentStyle(hex)
		if err != nil {
			t.Fatal(err)
		}
		ownLight, ownDark, _ := strings.Cut(css, "prefers-color-scheme: dark")
		checkContrast(t, hex+" light", light+ownLight)
		checkContrast(t, hex+" dark", dark+ownDark)
	}
	for hex, want := range map[string][2]string{"#0a6a5d": {"#0a6a5d", ""}, "#a4a8ff": {"", "#a4a8ff"}, "#06c": {"#0066cc", ""}} {
		light, dark, err := holderpage.Accent(hex)
		if err != nil || want[0] != "" && light != want[0] || want[1] != "" && dark != want[1] {
			t.Errorf("%s: %s, %s, %v", hex, light, dark, err)
		}
	}
	for _, hex := range []string{"", "red", "0a6a5d", "#0a6a5", "#0a6a5dff", "#ggg", "#+12345", "#é1"} {
		if _, _, err := holderpage.Accent(hex); err == nil || !strings.Contains(err.Error(), "use the form #rrggbb") {
			t.Errorf("%q: %v", hex, err)
		}
	}
}

// wrapped is an API behind another handler.
type wrapped struct{ api http.Handler }

func (h wrapped) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.api.ServeHTTP(w, r) }
