package attacks_test

import (
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestPlaintextMustBeAllowed checks that a daemon that listens on all addresses without TLS starts only with a flag
// that allows it.
func TestPlaintextMustBeAllowed(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	for _, listen := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "shop.example:0"} {
		r := s.Exec("serve", "--connector="+s.Provider.URL, "--listen="+listen, "--admin-listen=127.0.0.1:0")
		if r.Code != 2 || !strings.Contains(r.Err, "--listen") || !strings.Contains(r.Err, "--tls-cert") ||
			!strings.Contains(r.Err, "--trusted-proxies") || !strings.Contains(r.Err, "--plaintext") {
			t.Errorf("%s: %+v", listen, r)
		}
	}
	tokens := s.Folder + "/tokens"
	s.MustExec("admin-token", "add", tokens, "--name=shop", "--role=read")
	r := s.Exec("serve", "--connector="+s.Provider.URL, "--listen=127.0.0.1:0", "--admin-listen=0.0.0.0:0", "--admin-token-file="+tokens)
	if r.Code != 2 || !strings.Contains(r.Err, "--admin-listen") || !strings.Contains(r.Err, "--plaintext") {
		t.Errorf("tokens without TLS: %+v", r)
	}
	for _, flags := range [][]string{
		{"--listen=0.0.0.0:0", "--plaintext"},
		{"--listen=0.0.0.0:0", "--trusted-proxies=192.0.2.1"},
		{"--listen=localhost:0", "--admin-listen=0.0.0.0:0"}, // health and metrics only
		{"--listen=[::ffff:127.0.0.1]:0", "--admin-listen=0.0.0.0:0", "--admin-token-file=" + tokens, "--plaintext"},
	} {
		s.Serve(flags...).Stop()
	}
}
