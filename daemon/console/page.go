package console

import (
	"bytes"
	"embed"
	"html/template"
	"net/http"
	"strconv"

	"github.com/keyseat/keyseat/daemon/admin"
)

// A page is one page of the console before it is rendered.
type page struct {
	name  string // of the template
	Title string
	Here  string // the menu entry to highlight
	Body  any
}

// A frame is the data of the frame template: the page and the parts that all pages share.
type frame struct {
	page
	Token admin.Token // has no role if the visitor is not signed in
	Form  string      // the session's secret, included in every form
	Note  string      // a message about the last action
	May   bool        // the visitor can change data
}

//go:embed pages/*.html
var texts embed.FS

var templates = parse("signin", "trouble", "overview", "keys", "key", "plans", "tasks", "task", "issue", "issued", "confirm")

// parse parses each page template together with the frame and the shared parts.
func parse(names ...string) map[string]*template.Template {
	all := map[string]*template.Template{}
	for _, name := range names {
		all[name] = template.Must(template.New("frame.html").Funcs(words).ParseFS(texts, "pages/frame.html", "pages/parts.html", "pages/"+name+".html"))
	}
	return all
}

// show renders a page and sends it with the given status. It renders the whole page first, so that a
// template error never leaves a partial response.
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
		_, _ = v.w.Write(b.Bytes()) // a browser that has disconnected is not an error
	}
	return nil
}
