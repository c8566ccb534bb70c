// Package holderpage is a web page on which the holder of a key checks it, upgrades an account with it, or
// renews it.
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
// The page also works without its script. The script only avoids a reload of the page: it sends the same form
// and inserts the same answer. It repeats the call while a task is open.
//
// Forms are sent with POST, so that no URL contains a typed value. No page contains the login, the password or
// the new email that a reader has sent. The page stores nothing: no cookie, no browser storage, no cache. Only
// the key and the country return to the reader, in the answer to the form that contained them, for the next call.
//
// # Custom texts and styles
//
// Every text of the page is a template in the language of html/template. The files of this package show the
// names of the templates. A program that embeds the page can pass a file system to [New]. The root of the file
// system can contain these files:
//
//   - *.html: each template that the file defines replaces the template of the same name. For example,
//     {{define "brand"}}Seat Shop{{end}} in brand.html changes the name of the page. To translate the page,
//     replace "language", "lead", "headline", "hint" and the other texts. To change its layout, replace "page"
//     and "answer".
//   - theme.css: added to the style. It can set the colors that the first rule of the style declares.
//   - style.css, script.js: replace the whole file. An empty script.js removes the script.
package holderpage

import (
	"bytes"
	"html/template"
	"io/fs"
	"net/http"

	"github.com/keyseat/keyseat/internal/httpclient"
)

// A Page serves the page. It can be mounted at any path. It is safe for concurrent use.
type Page struct {
	api       http.Handler
	templates *template.Template
	policy    string // the Content-Security-Policy
	style     template.CSS
	script    template.JS
}

// New returns a page that calls api, which serves /API/ as [daemon.API] does. Files of custom replace files
// of the package, as the package documentation describes; nil replaces no file. New returns an error if a
// file cannot be read, is not a valid template, or does not render.
//
// [daemon.API]: https://pkg.go.dev/github.com/keyseat/keyseat/daemon#API
func New(api http.Handler, custom fs.FS) (*Page, error) {
	t, err := loadTheme(custom)
	if err != nil {
		return nil, err
	}
	p := &Page{api: api, templates: t.templates, policy: t.policy(), style: template.CSS(t.style), script: template.JS(t.script)} //nolint:gosec // they are files of the program
	return p, p.selfTest()
}

// methods lists the HTTP methods that the page allows.
const methods = "GET, HEAD, POST"

// ServeHTTP implements [http.Handler]. The response has the HTTP status and the Retry-After header of the
// API's answer.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.setHeaders(w.Header())
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		p.showForm(w, r)
	case http.MethodPost:
		p.submit(w, r)
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
	Style  template.CSS
	Script template.JS
	Stock  Stock
	Form   form
	Answer *Answer // nil: the reader has sent no form yet
}

// showForm shows the page without an answer. If the API cannot return the stock, it shows the error of that
// call as the answer.
func (p *Page) showForm(w http.ResponseWriter, r *http.Request) {
	stock, response := p.stock(r)
	data := pageData{Stock: stock, Form: form{Do: doInfo}}
	if response.Status() != http.StatusOK {
		data.Answer = new(newAnswer(data.Form, response))
	}
	p.render(w, response, "page", data)
}

// submit makes the call of a form and shows the answer. The script requests the answer without the rest of
// the page.
func (p *Page) submit(w http.ResponseWriter, r *http.Request) {
	f, call := parseForm(r)
	response := p.callAPI(call)
	answer := newAnswer(f, response)
	if f.partial {
		p.render(w, response, "answer", answer)
		return
	}
	stock, _ := p.stock(r) // the answer is useful without the stock
	p.render(w, response, "page", pageData{Stock: stock, Form: f, Answer: &answer})
}

// render sends a template with the status of the API's response. It sends the first byte only after the
// whole template was rendered.
func (p *Page) render(w http.ResponseWriter, response *httpclient.Recorder, name string, data any) {
	if page, is := data.(pageData); is {
		page.Style, page.Script = p.style, p.script
		data = page
	}
	var text bytes.Buffer
	if err := p.templates.ExecuteTemplate(&text, name, data); err != nil {
		http.Error(w, "The page cannot be shown", http.StatusInternalServerError) // the error could quote a typed value
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
