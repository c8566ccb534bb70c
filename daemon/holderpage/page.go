package holderpage

import (
	"bytes"
	"html/template"
	"io/fs"
	"net/http"
)

// A Page serves the page. It can be mounted at any path. It is safe for concurrent use.
type Page struct {
	api    http.Handler
	look   *template.Template
	policy string // the Content-Security-Policy
	style  template.CSS
	script template.JS
}

// New returns a page that calls api, which serves /API/ as [daemon.API] does. Files of custom replace files
// of the package, as the package documentation describes; nil replaces no file. New returns an error if a
// file cannot be read, is not a valid template, or does not render.
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

// methods lists the HTTP methods that the page allows.
const methods = "GET, HEAD, POST"

// ServeHTTP implements [http.Handler]. The response has the HTTP status and the Retry-After header of the
// API's answer.
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

// protect sets the security headers of every response. No cache may store the page, no other page may frame
// it, and no other content may be loaded into it.
func (p *Page) protect(h http.Header) {
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", "text/html; charset=utf-8")
}

// A view is the data of the template "page".
type view struct {
	Style  template.CSS
	Script template.JS
	Stock  Stock
	Asked  asked
	Answer *Answer // nil: the reader has sent no form yet
}

// open shows the page without an answer. If the API cannot return the stock, it shows the error of that
// call as the answer.
func (p *Page) open(w http.ResponseWriter, r *http.Request) {
	stock, said := p.stock(r)
	v := view{Stock: stock, Asked: asked{Do: doInfo}}
	if said.code != http.StatusOK {
		answer := said.answer(v.Asked)
		v.Answer = &answer
	}
	p.show(w, said, "page", v)
}

// submit makes the call of a form and shows the answer. The script requests the answer without the rest of
// the page.
func (p *Page) submit(w http.ResponseWriter, r *http.Request) {
	asked, call := read(r)
	said := p.ask(call)
	answer := said.answer(asked)
	if asked.part {
		p.show(w, said, "answer", answer)
		return
	}
	stock, _ := p.stock(r) // the answer is useful without the stock
	p.show(w, said, "page", view{Stock: stock, Asked: asked, Answer: &answer})
}

// show renders a template. It sends the first byte only after the whole template was rendered.
func (p *Page) show(w http.ResponseWriter, said reply, name string, data any) {
	if v, is := data.(view); is {
		v.Style, v.Script = p.style, p.script
		data = v
	}
	var text bytes.Buffer
	if err := p.look.ExecuteTemplate(&text, name, data); err != nil {
		http.Error(w, "The page cannot be shown", http.StatusInternalServerError) // the error could quote a typed value
		return
	}
	for _, name := range []string{"Retry-After", "X-Request-Id"} {
		if value := said.header.Get(name); value != "" {
			w.Header().Set(name, value)
		}
	}
	w.WriteHeader(said.code)
	_, _ = w.Write(text.Bytes()) // the client may have disconnected
}
