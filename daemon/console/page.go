package console

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"strconv"

	"github.com/keyseat/keyseat/daemon/admin"
)

// A page is what a visitor is shown.
type page struct {
	name  string // of its template
	Title string
	Here  string // the entry of the menu that it is under
	Body  any
}

// A frame is a page and what stands round it.
type frame struct {
	page
	Token admin.Token // without a role: nobody has signed in
	Form  string      // what every form of the session has
	Note  string      // what was just done
	May   bool        // the visitor can change things
}

//go:embed pages/*.html
var texts embed.FS

var templates = parse("signin", "trouble", "overview", "keys", "key", "plans", "tasks", "task", "issue", "issued", "confirm")

// parse reads the pages, each with the frame and the parts that it shares with others.
func parse(names ...string) map[string]*template.Template {
	all := map[string]*template.Template{}
	for _, name := range names {
		all[name] = template.Must(template.New("frame.html").Funcs(words).ParseFS(texts, "pages/frame.html", "pages/parts.html", "pages/"+name+".html"))
	}
	return all
}

// show answers with a page, which is written whole before a byte of it is sent.
func (v *visit) show(status int, p page) error {
	f := frame{page: p, Token: v.token, May: v.may()}
	if v.session != nil {
		f.Form, f.Note = v.session.form, v.session.told()
	}
	var b bytes.Buffer
	if err := templates[p.name].Execute(&b, f); err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	v.w.WriteHeader(status)
	if v.r.Method != http.MethodHead {
		_, _ = v.w.Write(b.Bytes()) // a browser that has left is no concern
	}
	return nil
}
