// Package holderpage is a web page on which the holder of a key checks the key, uses it for an upgrade, or renews it.
//
// A [Page] is a client of the API in the same process. It makes the call that a form requests and shows the
// answer. Therefore every rule and every limit is the API's. The page shows the API's sentences unchanged,
// together with friendlier texts.
//
//	browser ──GET──▶ Page ──?stock──────────────▶ daemon.API
//	        ──POST─▶      ──info|upgrade|renew──▶     │
//	        ◀─HTML──      ◀─────────JSON──────────────┘
//
// The page is one document that includes its style and its script. It loads nothing from other sites, and its
// Content-Security-Policy forbids other content.
//
// The page also works without its script. The script avoids a reload of the page: it sends the same form and inserts
// the same answer. While a task is open, the script repeats the call.
//
// Forms are sent with POST, so that no request has a typed value in its URL. No page contains the login, the password
// or the new email that a reader has sent. The page stores nothing: no cookie, no browser storage, no cache. Only the
// key and the country return to the reader, in the answer to the form that contained them, for the next call.
//
// A link to the page can carry a key in its fragment: /#KEY. Browsers do not send the fragment. The script puts the key
// into the form. After an answer it puts the key into the fragment, so the key is in the history of the browser.
//
// # Languages, texts and styles
//
// The page has the reader's language: the reader's choice on the page, or else the best language that the browser
// accepts. Each language is a file of this package, such as texts.de.html. The file also translates the sentences that
// the API documents. The API itself answers in English.
//
// Every text of the page is a template in the language of html/template. The files of this package show the names of
// the templates. [Options] can name a file system, and the files at its root replace the files of this package. The
// document daemon/docs/page.md describes these files. To change the layout of the page, replace the templates "page"
// and "answer". An empty script.js removes the script.
package holderpage

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"html/template"
	"io"
	"net/http"
	"time"

	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/internal/httpclient"
	"github.com/keyseat/keyseat/tasks"
)

// A Page serves the page. It can be mounted at any path. It is safe for concurrent use.
type Page struct {
	api http.Handler
	theme
}

// New returns a page that calls api, which serves /API/ as [daemon.API] does. It returns an error if a file cannot be
// read, is not a valid template, or does not render. The error names the file, and the line if possible.
//
// [daemon.API]: https://pkg.go.dev/github.com/keyseat/keyseat/daemon#API
func New(api http.Handler, o Options) (*Page, error) {
	t, err := newTheme(o)
	if err != nil {
		return nil, err
	}
	p := &Page{api, t}
	if o.Files == nil {
		return p, nil // the files of the package need no self-test, because a test of the package renders them
	}
	return p, p.selfTest()
}

// errRender is the response if a template fails. The error itself could quote a typed value.
const errRender = "The page cannot be shown"

const methods = "GET, HEAD, POST"

// ServeHTTP implements [http.Handler]. The response has the HTTP status and the Retry-After header of the API's answer.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.setHeaders(w.Header())
	t, err := p.language(r).texts()
	switch {
	case err != nil:
		http.Error(w, errRender, http.StatusInternalServerError) // does not happen, because a test or New has parsed all languages
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		p.showForm(w, r, t, form{Do: doInfo})
	case r.Method == http.MethodPost:
		p.submit(w, r, t)
	default:
		w.Header().Set("Allow", methods)
		http.Error(w, "The method is not allowed, use "+methods, http.StatusMethodNotAllowed)
	}
}

// setHeaders sets the security headers of every response. No cache may store the page, no other page may frame
// it, and no other content may be loaded into it.
func (p *Page) setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", "text/html; charset=utf-8")
}

// A pageData is the data of the template "page".
type pageData struct {
	Style     template.CSS
	Script    template.JS
	Icon      string    // the color of the icon, as rrggbb
	Language  *Language // the reader's language
	Languages []*Language
	Stock     Stock
	Form      form
	Answer    *Answer // nil: the reader has sent no form yet
}

// Invalid reports whether the answer is about this field of the form.
func (d pageData) Invalid(field string) bool { return d.Answer != nil && d.Answer.Field == field }

// showForm shows the page without an answer. If the API does not return the stock, the page shows the API's error as
// the answer.
func (p *Page) showForm(w http.ResponseWriter, r *http.Request, t *texts, f form) {
	stock, response := p.stock(r, t)
	data := pageData{Stock: stock, Form: f}
	if response.Status() != http.StatusOK {
		data.Answer = new(p.newAnswer(r.Context(), t, form{Do: doInfo}, response))
	}
	p.render(w, t, response, "page", data)
}

// submit makes the call of a form and shows the answer. The script requests the answer without the rest of the page.
func (p *Page) submit(w http.ResponseWriter, r *http.Request, t *texts) {
	f, call := parseForm(r)
	if f.open {
		p.showForm(w, r, t, f)
		return
	}
	response := p.callAPI(call)
	answer := p.newAnswer(r.Context(), t, f, response)
	if f.partial {
		p.render(w, t, response, "answer", answer)
		return
	}
	stock, _ := p.stock(r, t) // the answer is useful without the stock
	p.render(w, t, response, "page", pageData{Stock: stock, Form: f, Answer: &answer})
}

// newAnswer parses a response of the API. If the body is not JSON, it comes from a handler that wraps the API. The
// Answer then has the status "error" and no message.
func (p *Page) newAnswer(ctx context.Context, t *texts, f form, response *httpclient.Recorder) Answer {
	var a Answer
	if json.Unmarshal(response.Body.Bytes(), &a) != nil {
		a = Answer{Status: "error"}
	}
	a.Do, a.Key, a.Code, a.Wait = f.Do, f.Key, response.Status(), response.Header().Get("Retry-After")
	a.Text = cmp.Or(t.messages[a.Message], a.Message) // a sentence that the API does not document stays as it is
	a.Field = refusalFields[tasks.Refusal(sentences()[a.Message])]
	a.Task, a.Waited = p.openTask(ctx, a)
	return a
}

// A taskAger returns the age of a key's open task. [daemon.API] implements it.
//
// [daemon.API]: https://pkg.go.dev/github.com/keyseat/keyseat/daemon#API
type taskAger interface {
	TaskAge(ctx context.Context, key string) (age time.Duration, open bool)
}

// openTask returns the kind of the key's open task, and how long the task has waited. If the key is used, the task is a
// renew, because an upgrade needs a key that is not used. It reads the age only for a key that the API has just
// answered for. Therefore the limit on unknown keys applies.
func (p *Page) openTask(ctx context.Context, a Answer) (kind string, waited *Delay) {
	switch a.State() {
	case stateAccepted:
		return a.Do, newWaited(0)
	case stateInQueue:
		kind = doUpgrade
		if a.Used == 1 {
			kind = doRenew
		}
		if api, is := p.api.(taskAger); is {
			if age, open := api.TaskAge(ctx, a.Key); open {
				waited = newWaited(age)
			}
		}
	}
	return kind, waited
}

func (p *Page) callAPI(call *http.Request) *httpclient.Recorder {
	response := new(httpclient.Recorder)
	p.api.ServeHTTP(response, call)
	return response
}

// stock calls the API for the free slots. It also returns the API's response.
func (p *Page) stock(r *http.Request, t *texts) (Stock, *httpclient.Recorder) {
	response := p.callAPI(apiRequest(r, http.MethodGet, "stock", http.NoBody))
	var s Stock
	s.Known = response.Status() == http.StatusOK && json.Unmarshal(response.Body.Bytes(), &s.Free) == nil
	free := make(map[string]bool, len(s.Free))
	for i, c := range s.Free {
		free[c.Code], s.Free[i].Name = true, t.countryName(c)
	}
	for _, c := range daemon.Countries() {
		if !free[string(c)] {
			s.Others = append(s.Others, Country{Name: t.countryName(Country{Code: string(c)}), Code: string(c)})
		}
	}
	t.sortCountries(s.Free)
	t.sortCountries(s.Others)
	return s, response
}

// render renders a template, and sends the text with the status of the API's response. It sends only a complete page.
func (p *Page) render(w http.ResponseWriter, t *texts, response *httpclient.Recorder, name string, data any) {
	if page, is := data.(pageData); is {
		page.Style, page.Script, page.Icon = p.style, p.script, p.icon
		page.Language, page.Languages = t.language, p.languages
		data = page
	}
	var text bytes.Buffer
	if err := t.templates.ExecuteTemplate(&text, name, data); err != nil {
		http.Error(w, errRender, http.StatusInternalServerError)
		return
	}
	for _, name := range []string{"Retry-After", "X-Request-Id"} {
		if value := response.Header().Get(name); value != "" {
			w.Header().Set(name, value)
		}
	}
	w.WriteHeader(response.Status())
	_, _ = w.Write(text.Bytes()) // the client may have disconnected
}

// selfTest renders the page once in each language and state, so that New finds invalid templates.
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
