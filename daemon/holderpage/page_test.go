package holderpage_test

import (
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/holderpage"
	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// newAPI returns an API on a memory store with two keys and a plan.
func newAPI(t *testing.T) *daemon.API {
	t.Helper()
	store := memory.New(time.Now)
	engine := daemon.NewEngine(store, simulator.Connector{}, plain{}, tasks.DefaultRules())
	country, size, address := stock.Country("TR"), 1, "1 <Main> Street"
	err := store.EditPlans(t.Context(), []stock.PlanEdit{{ID: "p", Country: &country, Size: &size, Address: &address}})
	if err != nil {
		t.Fatal(err)
	}
	err = store.ImportKeys(t.Context(), adminstore.ImportBatch{ID: "b", Type: tasks.EventImported}, func(yield func(keys.Key, error) bool) {
		_ = yield(keys.Key{Code: "K", Status: keys.Active}, nil) &&
			yield(keys.Key{Code: "L", Status: keys.Active, Used: true, Invite: "<inv>", Address: "2 & 3"}, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	return &daemon.API{Engine: engine}
}

func newPage(t *testing.T, api http.Handler, custom fs.FS) *holderpage.Page {
	t.Helper()
	p, err := holderpage.New(api, holderpage.Options{Files: custom})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func send(t *testing.T, h http.Handler, method, target string, body io.Reader, kind string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, body)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const formType = "application/x-www-form-urlencoded"

// TestEveryAnswer checks the text and the status of every answer, and that every answer has the security
// headers.
func TestEveryAnswer(t *testing.T) {
	long := "do=info&key=" + strings.Repeat("x", 20<<10)
	for name, c := range map[string]struct {
		method, target, body, kind string
		code                       int
		want                       string
	}{
		"the page":                   {"GET", "/", "", "", 200, "Türkiye"},
		"without its body":           {"HEAD", "/", "", "", 200, ""},
		"parameters in the URL":      {"GET", "/?info=K&%zz", "", "", 200, "Türkiye"},
		"a key in the URL":           {"POST", "/?upgrade=K", "do=info&key=K", formType, 200, "Ready to use"},
		"a key":                      {"POST", "/", "do=info&key=K", formType, 200, "Ready to use"},
		"a legacy key":               {"POST", "/", "do=info&key=L", formType, 200, "<code>&lt;inv&gt;</code>"},
		"an unknown key":             {"POST", "/", "do=info&key=%3Cb%3E", formType, 200, `value="&lt;b&gt;"`},
		"another form":               {"POST", "/", "open=renew&key=%3Cb%3E", formType, 200, `value="renew" checked`},
		"no key":                     {"POST", "/", "do=info&key=", formType, 200, "This key was not found in our database"},
		"a refused upgrade":          {"POST", "/", "do=upgrade&key=K", formType, 200, "The password is missing"},
		"an upgrade":                 {"POST", "/", "do=upgrade&key=K&login=l&pwd=secret&country=TR", formType, 200, "Upgrade request sent successfully"},
		"no action":                  {"POST", "/", "key=K", formType, 400, "Exactly one of info, renew, upgrade and stock must be named"},
		"unknown action":             {"POST", "/", "do=stock&key=K", formType, 400, "Exactly one of"},
		"two actions":                {"POST", "/", "do=info&do=renew&key=K", formType, 400, "Exactly one of"},
		"two keys":                   {"POST", "/", "do=info&key=K&key=L", formType, 400, "A parameter is given twice"},
		"not UTF-8":                  {"POST", "/", "do=info&key=%ff", formType, 400, "not UTF-8"},
		"malformed":                  {"POST", "/", "do=info&key=%zz", formType, 400, "The body cannot be parsed"},
		"empty":                      {"POST", "/", "", formType, 400, "Exactly one of"},
		"no form":                    {"POST", "/", `{"do":"info"}`, "application/json", 415, "must be application/x-www-form-urlencoded"},
		"too long":                   {"POST", "/", long, formType, 413, "The body is too large"},
		"much too long":              {"POST", "/", long + long + long + long, formType, 413, "The body is too large"},
		"a method":                   {"DELETE", "/", "", "", 405, "use GET, HEAD, POST"},
		"a partial page":             {"POST", "/", "do=info&key=K&part=answer", formType, 200, "Ready to use"},
		"a partial page of an error": {"POST", "/", "key=K&part=answer", formType, 400, "Exactly one of"},
	} {
		t.Run(name, func(t *testing.T) {
			w := send(t, newPage(t, newAPI(t), nil), c.method, c.target, strings.NewReader(c.body), c.kind)
			if w.Code != c.code || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%d, want %q in\n%s", w.Code, c.want, w.Body)
			}
			for name, want := range map[string]string{
				"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
			} {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s is %q", name, got)
				}
			}
			for _, rule := range []string{"default-src 'none'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'", "script-src 'sha256-"} {
				if policy := w.Header().Get("Content-Security-Policy"); !strings.Contains(policy, rule) || strings.Contains(policy, "unsafe") {
					t.Errorf("the policy is %q", policy)
				}
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Error("the password is in the page")
			}
			if whole := strings.Contains(w.Body.String(), "<html"); strings.HasPrefix(name, "a partial page") && whole {
				t.Error("the whole page is sent instead of the answer alone")
			}
		})
	}
}

// TestIncompleteForm checks that an incomplete form causes no call.
func TestIncompleteForm(t *testing.T) {
	incomplete := io.MultiReader(strings.NewReader("do=upgrade&key=K&login=l&pwd=secret&country=TR"), iotest.ErrReader(io.ErrUnexpectedEOF))
	api := newAPI(t)
	w := send(t, newPage(t, api, nil), "POST", "/", incomplete, formType)
	if w.Code != 400 || !strings.Contains(w.Body.String(), "The body cannot be read") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if k, err := api.Engine.Info(t.Context(), "K"); err != nil || k.Status != keys.Active {
		t.Errorf("%+v, %v", k, err)
	}
}

// TestAPILimitsApply checks that the limits of the API apply to the page, and that the page shows the
// time to wait.
func TestAPILimitsApply(t *testing.T) {
	api := newAPI(t)
	var err error
	if api.UnknownKeyLimiter, err = ratelimit.New(1, nil, time.Now); err != nil {
		t.Fatal(err)
	}
	p := newPage(t, api, nil)
	for _, code := range []int{200, 429} {
		w := send(t, p, "POST", "/", strings.NewReader("do=info&key=none"), formType)
		if w.Code != code || code == 429 != (w.Header().Get("Retry-After") != "") {
			t.Errorf("%d, Retry-After %q", w.Code, w.Header().Get("Retry-After"))
		}
	}
	if w := send(t, api, "GET", "/API/?info=K", nil, ""); w.Code != 429 {
		t.Errorf("the API does not count the call of the page: %d", w.Code)
	}
	api.Stop()
	for _, method := range []string{"GET", "POST"} {
		w := send(t, p, method, "/", strings.NewReader("do=info&key=K"), formType)
		if w.Code != 503 || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "System error, try again") {
			t.Errorf("%s: %d %s", method, w.Code, w.Body)
		}
	}
}

// TestHandlerBeforeTheAPI checks that a handler before the API may answer in its own format.
func TestHandlerBeforeTheAPI(t *testing.T) {
	p := newPage(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "slow down", http.StatusTooManyRequests) }), nil)
	w := send(t, p, "POST", "/", strings.NewReader("do=info&key=K"), formType)
	if w.Code != 429 || !strings.Contains(w.Body.String(), "A little too fast") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestCustomFiles(t *testing.T) {
	w := send(t, newPage(t, newAPI(t), fstest.MapFS{
		"texts.html": {Data: []byte(`{{define "language"}}de{{end}}{{define "headline"}}[{{.State}}]{{end}}`)},
		"script.js":  {Data: nil},
		"style.css":  {Data: []byte("body { color: red }")},
		"theme.css":  {Data: []byte("p { color: blue }")},
	}), "POST", "/", strings.NewReader("do=info&key=K"), formType)
	for _, want := range []string{`<html lang="de">`, "[active]", "<script></script>", "<style>body { color: red }p { color: blue }</style>", "Check the key"} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("there is no %q in\n%s", want, w.Body)
		}
	}
}
