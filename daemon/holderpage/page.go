package holderpage

import (
	"bytes"
	"html/template"
	"io/fs"
	"net/http"
)

// A Page serves the page, at whatever path it is mounted. It may be used by many goroutines at once.
type Page struct {
	api    http.Handler
	look   *template.Template
	policy string // the Content-Security-Policy
	style  template.CSS
	script template.JS
}

// New makes a page that asks api, which answers at /API/ as [daemon.API] does. Files of custom replace
// some of the page's own, as the package's introduction tells; nil replaces none. The error says what
// cannot be read, is no template, or does not render.
//
// [daemon.API]: https://pkg.go.dev/github.com/keyseat/keyseat/daemon#API
func New(api http.Handler, custom fs.FS) (*Page, error) {
	d, err := load(custom)
	if err != nil {
		return nil, err
	}
	p := &Page{api: api, look: d.look, policy: d.policy(), style: template.CSS(d.style), script: template.JS(d.script)} //nolint:gosec // they are files of the program's
	return p, p.rehearse()
}

// methods are those that the page answers to.
const methods = "GET, HEAD, POST"

// ServeHTTP implements [http.Handler]. An answer has the HTTP status and the Retry-After that the API
// gives the call.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.protect(w.Header())
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		p.open(w, r)
	case http.MethodPost:
		p.submit(w, r)
	default:
		w.Header().Set("Allow", methods)
		http.Error(w, "The method is not allowed, use "+methods, http.StatusMethodNotAllowed)
	}
}

// protect sets what every answer has: the page is nobody else's to keep, to frame or to add to.
func (p *Page) protect(h http.Header) {
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", "text/html; charset=utf-8")
}

// A view is what the template "page" shows.
type view struct {
	Style  template.CSS
	Script template.JS
	Stock  Stock
	Asked  asked
	Answer *Answer // nil: nothing was asked
}

// open shows the page before anything is asked, or that the stock cannot be.
func (p *Page) open(w http.ResponseWriter, r *http.Request) {
	stock, said := p.stock(r)
	v := view{Stock: stock, Asked: asked{Do: doInfo}}
	if said.code != http.StatusOK {
		answer := said.answer(v.Asked)
		v.Answer = &answer
	}
	p.show(w, said, "page", v)
}

// submit makes the call that a form asks for. The script wants the answer alone.
func (p *Page) submit(w http.ResponseWriter, r *http.Request) {
	asked, call := read(r)
	said := p.ask(call)
	answer := said.answer(asked)
	if asked.part {
		p.show(w, said, "answer", answer)
		return
	}
	stock, _ := p.stock(r) // without it the answer is still one
	p.show(w, said, "page", view{Stock: stock, Asked: asked, Answer: &answer})
}

// show renders a template, whole before the first byte is sent.
func (p *Page) show(w http.ResponseWriter, said reply, name string, data any) {
	if v, is := data.(view); is {
		v.Style, v.Script = p.style, p.script
		data = v
	}
	var text bytes.Buffer
	if err := p.look.ExecuteTemplate(&text, name, data); err != nil {
		http.Error(w, "The page cannot be shown", http.StatusInternalServerError) // the error could quote what was typed
		return
	}
	for _, name := range []string{"Retry-After", "X-Request-Id"} {
		if value := said.header.Get(name); value != "" {
			w.Header().Set(name, value)
		}
	}
	w.WriteHeader(said.code)
	_, _ = w.Write(text.Bytes()) // a reader who has left is no concern
}
