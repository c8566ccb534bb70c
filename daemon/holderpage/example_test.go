package holderpage_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing/fstest"
	"time"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/adapters/simulator"
	"github.com/keyseat/keyseat/daemon"
	"github.com/keyseat/keyseat/daemon/holderpage"
	"github.com/keyseat/keyseat/tasks"
)

// A shop mounts the API and a page with its own name, texts and colors.
func Example() {
	engine := daemon.NewEngine(memory.New(time.Now), simulator.Connector{}, plain{}, tasks.DefaultRules())
	api := &daemon.API{Engine: engine}
	holders, err := holderpage.New(api, holderpage.Options{
		Brand: "Seat Shop",
		Color: "#0a6a5d",
		Files: fstest.MapFS{ // in production: an embed.FS, or os.DirFS
			"texts.en.html": {Data: []byte(`{{define "lead-title"}}Hello!{{end}}`)},
			"theme.css":     {Data: []byte(`:root { --ground: #ffffff; }`)},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	api.Register(mux)
	mux.Handle("/key", holders)

	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/key", nil))
	for _, want := range []string{"<title>Seat Shop</title>", "<h1>Hello!</h1>", "--accent: #0a6a5d", "--ground: #ffffff"} {
		fmt.Println(strings.Contains(w.Body.String(), want))
	}
	// Output:
	// true
	// true
	// true
	// true
}

// The sealer plain does not encrypt. In production, use a keyring.
type plain struct{}

func (plain) Seal(text, _ []byte) ([]byte, error)   { return text, nil }
func (plain) Open(sealed, _ []byte) ([]byte, error) { return sealed, nil }
