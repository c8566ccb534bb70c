package attacks_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestUnsolicitedResponseIsNotLogged has a broken provider, which sends the request back after the end of its response.
// The package net/http logs such text by itself, and the text has the login and the password.
func TestUnsolicitedResponseIsNotLogged(t *testing.T) {
	t.Parallel()
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}%s", body)
		_, _ = io.Copy(io.Discard, conn) // until the client closes the connection
		_ = conn.Close()
	}))
	t.Cleanup(provider.Close)
	c := newCanary(harness.NewSQLiteShop(t))
	c.AddKeys("K")
	c.ImportPlans("p,US,1,,")
	d := c.Serve("--connector="+provider.URL, "--task-attempts=3")
	d.Post(c.form("upgrade", "K", "success"))
	d.WaitEnd("K")
	d.Stop()
	c.scanText("the log", d.Logs.String())
}
