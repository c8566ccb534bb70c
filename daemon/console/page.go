package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/view"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// A page is one page of the console before it is rendered.
type page struct {
	name  string // of the template
	Title string
	Menu  string // the menu entry to highlight
	Body  any
}

// A frame is the data of the frame template: the page and the parts that all pages share.
type frame struct {
	page
	Token      admin.Token // has no role if nobody is signed in
	FormSecret string      // the session's secret, included in every form
	Note       string      // a message about the last action
	CanWrite   bool        // the operator's role allows [admin.Write]
	Simulated  bool        // the connector is the simulator, and the page says so
	ByProxy    bool        // a proxy has authenticated the operator
}

type menuEntry struct {
	Name, Label, URL string
	role             admin.Role // the role that the entry needs
}

var menu = []menuEntry{
	{"overview", "Overview", "/", admin.Read},
	{"keys", "Keys", "/console/keys", admin.Read},
	{"plans", "Plans", "/console/plans", admin.Read},
	{"tasks", "Tasks", "/console/tasks", admin.Read},
	{"issue", "Issue keys", "/console/issue", admin.Write},
	{"activity", "Activity", "/console/activity", admin.Read},
}

// MenuEntries returns the links that the operator's role allows.
func (f frame) MenuEntries() []menuEntry {
	return slices.DeleteFunc(slices.Clone(menu), func(e menuEntry) bool { return !f.Token.Role.Allows(e.role) })
}

// Parent returns the menu entry that leads back from this page to its main page, or nil if this page is a main page.
func (f frame) Parent() *menuEntry {
	for _, e := range menu {
		if e.Name == f.Menu && f.name != e.Name {
			return &e
		}
	}
	return nil
}

//go:embed pages/*.html
var pageFiles embed.FS

// templates has the template of each page, parsed together with the frame and the shared parts. They are parsed when
// the first page is shown, because most commands of keyseatd show no page.
var templates = sync.OnceValue(func() map[string]*template.Template {
	all := map[string]*template.Template{}
	for _, name := range []string{"signin", "error", "overview", "keys", "key", "plans", "plan", "import", "stock", "search", "bulk", "tasks", "task", "activity", "issue", "issued", "confirm"} {
		all[name] = template.Must(template.New("frame.html").Funcs(templateFuncs).ParseFS(pageFiles, "pages/frame.html", "pages/parts.html", "pages/"+name+".html"))
	}
	return all
})

// render renders a page and sends it with the given status. It renders the whole page first, so that a
// template error never leaves a partial response.
func (r *request) render(status int, p page) error {
	f := frame{page: p, Token: r.token, CanWrite: r.token.Role.Allows(admin.Write), Simulated: r.Simulated && r.session != nil}
	if r.session != nil {
		f.FormSecret, f.ByProxy = r.session.formSecret, r.session.proxyUser != ""
	}
	if r.session != nil && !r.isRefresh() { // a refresh does not show the note
		if note := r.session.note.Swap(nil); note != nil {
			f.Note = *note
		}
	}
	var b bytes.Buffer
	if err := templates()[p.name].Execute(&b, f); err != nil {
		return err
	}
	r.send(status, "text/html; charset=utf-8", b.Bytes())
	return nil
}

// The folder assets contains uPlot, which draws the charts, and its licence.
//
//go:embed assets
var assetFiles embed.FS

// An asset is a file that pages load. Its tag is a hash of the content.
type asset struct {
	text []byte
	tag  string
}

var assets = loadAssets()

func loadAssets() map[string]asset {
	all := map[string]asset{}
	entries, _ := fs.ReadDir(assetFiles, "assets") // reading embedded files does not fail
	for _, entry := range entries {
		text, _ := assetFiles.ReadFile("assets/" + entry.Name())
		hash := sha256.Sum256(text)
		all[entry.Name()] = asset{text, hex.EncodeToString(hash[:8])}
	}
	return all
}

var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
}

// serveAsset serves an asset. It needs no session, because assets contain no data of the shop.
func serveAsset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	a, is := assets[name]
	if !is {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", contentTypes[path.Ext(name)])
	if r.URL.Query().Get("v") == a.tag {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(a.text))
}

var templateFuncs = template.FuncMap{
	// The URL of an asset changes with the content of the file, so browsers may cache it.
	"asset":    func(name string) string { return "/console/assets/" + name + "?v=" + assets[name].tag },
	"country":  daemon.CountryName,
	"number":   formatNumber,
	"time":     formatTime,
	"duration": formatDuration,
	"taskURL":  taskURL,
	"keyURL":   func(task string) string { return "/console/key?task=" + url.QueryEscape(task) },
	"prose":    formatProse,
	"class":    func(word any) string { return cssClasses[fmt.Sprint(word)] },
	"tab":      func(s adminstore.TaskState) string { return strings.ToUpper(string(s[:1])) + string(s[1:]) },
	"spaced":   func(s any) string { return strings.ReplaceAll(fmt.Sprint(s), "_", " ") },
}

// keyURL returns the path of a key's page. The path has no code, because browsers and proxies keep URLs.
func keyURL(reference string) string { return "/console/key?key=" + url.QueryEscape(reference) }

func taskURL(id string) string { return "/console/task?id=" + url.QueryEscape(id) }

// formatNumber groups digits by three for easier reading.
func formatNumber(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

// formatTime formats a time in UTC, to the second. The script shows it in the zone of the browser.
func formatTime(m view.Time) template.HTML {
	if m.String() == "" {
		return "–"
	}
	t := m.UTC()
	text := t.Format(time.DateOnly) + "\u00a0" + t.Format(time.TimeOnly)
	return template.HTML(`<time datetime="` + m.String() + `" title="` + text + ` UTC">` + text + `</time>`) //nolint:gosec // nothing but digits
}

func formatDuration(d time.Duration) string {
	switch {
	case d <= 0:
		return "0\u00a0s"
	case d < time.Second:
		return fmt.Sprintf("%d\u00a0ms", max(d.Milliseconds(), 1))
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f\u00a0s", d.Seconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f\u00a0s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f\u00a0min", d.Minutes())
	case d < 48*time.Hour:
		return fmt.Sprintf("%.0f\u00a0h", d.Hours())
	}
	return fmt.Sprintf("%.0f\u00a0days", d.Hours()/24)
}

// timePattern matches a time in an explanation.
var timePattern = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)

// formatProse formats a sentence of an explanation as HTML. The names of buttons, which are between backquotes, become
// bold. Each time becomes an element that the script can show in the zone of the browser.
func formatProse(sentence string) template.HTML {
	var b strings.Builder
	for i, text := range strings.Split(template.HTMLEscapeString(sentence), "`") {
		if i%2 == 1 {
			text = "<b>" + text + "</b>"
		}
		b.WriteString(text)
	}
	return template.HTML(timePattern.ReplaceAllStringFunc(b.String(), func(text string) string { //nolint:gosec // the sentence is escaped
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return text
		}
		return string(formatTime(view.Time{Time: t}))
	}))
}

// cssClasses maps a status, outcome or state to the CSS class that gives its name a color. An outcome such as
// invalid_credentials has no class, because no operator has to act on it.
var cssClasses = map[string]string{
	"live": "good", "success": "good", "settled": "good", "success_renew": "good",
	"open": "busy", "in_queue": "busy", "pending": "busy", "held": "busy", "waiting": "busy", "running": "busy", "retrying": "busy",
	"suspect": "bad", "system_error": "bad", "unknown": "bad", "full": "bad", "expired": "bad", "invalid": "bad", "revoked": "bad", keyExists: "bad",
	"failed": "warn", "failed_upgrade": "warn", "none": "warn", "out_of_stock": "warn",
}

// keyExists is the verdict of a key that is stored already.
const keyExists = "already there"
