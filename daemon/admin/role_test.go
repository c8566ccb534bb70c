package admin_test

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/keys"
)

// TestRolesShowCodes checks which codes each role sees.
func TestRolesShowCodes(t *testing.T) {
	s := newFixture(t)
	code := string(keys.Generate([keys.EntropyBytes]byte{1}))
	s.importKeys(keys.Key{Code: keys.Code(code), OrderID: "o"})
	s.plan("p", "US", 1)
	id := s.accept(keys.Code(code))
	fingerprint, end := s.api.Engine.Fingerprints.Fingerprint(keys.Code(code)), "…"+code[len(code)-5:]
	for _, c := range []struct {
		token         string
		one, all      bool
		retry, revoke int
	}{
		{reader, false, false, 403, 403},
		{helper, true, false, 200, 403},
		{writer, true, false, 200, 200},
		{exporter, true, true, 403, 403},
	} {
		for target, whole := range map[string]bool{
			"/keys": c.all, "/keys?order_id=o": c.all, "/tasks": c.all, "/tasks?state=open": c.all,
			"/tasks/" + id: c.one, "/keys/" + code: c.one, "/keys/" + strings.ToLower(code): c.one,
		} {
			r := s.send(http.MethodGet, target, "", as(c.token))
			shown := strings.Contains(r.body, code)
			if r.code != 200 || shown != whole || !whole && !strings.Contains(r.body, end) || !strings.Contains(r.body, fingerprint) {
				t.Errorf("%s reads %s: %d %s", c.token, target, r.code, r.body)
			}
		}
		for target, want := range map[string]int{"/tasks/" + id + "/retry": c.retry, "/keys/" + code + "/revoke": c.revoke} {
			if r := s.send(http.MethodPost, target, "", as(c.token)); r.code != want {
				t.Errorf("%s sends %s: %d %s", c.token, target, r.code, r.body)
			}
		}
	}
}

// TestCursorHidesCode reads a list with one key per page. Neither a cursor nor a guess of one reveals a code.
func TestCursorHidesCode(t *testing.T) {
	s := newFixture(t)
	block, err := aes.NewCipher(make([]byte, 16))
	s.must(err)
	aead, err := cipher.NewGCMWithRandomNonce(block)
	s.must(err)
	s.api.Engine.Sealer = gcm{aead}
	s.importKeys(keys.Key{Code: "code-one-1"}, keys.Key{Code: "code-two-2"}, keys.Key{Code: "code-zoo-3"})
	after, pages := "", 0
	for ; pages < 10; pages++ {
		var page listed
		r := s.send(http.MethodGet, "/keys?limit=1"+after, "", as(writer))
		s.read(r, 200, &page)
		if strings.Contains(r.body, "code-") || len(page.Keys) > 1 {
			t.Errorf("page %d: %s", pages, r.body)
		}
		if page.Next == nil {
			break
		}
		after = "&after=" + *page.Next
	}
	if pages != 2 { // before the last
		t.Errorf("%d pages", pages)
	}
	for _, cursor := range []string{"code-one-1", "code", "%21"} {
		s.refused(s.send(http.MethodGet, "/keys?after="+cursor, "", as(writer)), 400, "query_invalid")
	}
}

// gcm is a sealer that encrypts.
type gcm struct{ cipher.AEAD }

func (g gcm) Seal(text, bound []byte) ([]byte, error) {
	return g.AEAD.Seal(nil, nil, text, bound), nil
}

func (g gcm) Open(sealed, bound []byte) ([]byte, error) {
	return g.AEAD.Open(nil, nil, sealed, bound)
}

// TestDisclosureIsAudited checks that each list with whole codes, and each task that shows one, has a line in the
// audit log, and that other reads have none.
func TestDisclosureIsAudited(t *testing.T) {
	s := newFixture(t)
	s.importKeys(keys.Key{Code: "code-one-1"}, keys.Key{Code: "code-two-2"})
	s.plan("p", "US", 1)
	id := s.accept("code-one-1")
	for _, c := range []struct{ token, target, want string }{
		{reader, "/keys", ""},
		{reader, "/tasks/" + id, ""},
		{writer, "/tasks", ""},
		{writer, "/keys/code-one-1", ""},
		{helper, "/tasks/" + id, `"count":1`},
		{exporter, "/keys", `"count":2`},
		{exporter, "/tasks", `"count":1`},
		{exporter, "/keys?order_id=none", ""},
	} {
		s.log.Reset()
		s.send(http.MethodGet, c.target, "", as(c.token))
		line := s.log.String()
		if c.want == "" && line != "" || !strings.Contains(line, c.want) {
			t.Errorf("%s reads %s: %s", c.token, c.target, line)
		}
		if line != "" && (!strings.Contains(line, `"client":"192.0.2.1`) || !strings.Contains(line, `"token":"`) || strings.Contains(line, "code-")) {
			t.Errorf("%s", line)
		}
	}
}

// TestUnknownTokensAreLimited sends unknown tokens from one address. The limit does not concern other addresses, nor
// a known token from the same address.
func TestUnknownTokensAreLimited(t *testing.T) {
	s := newFixture(t)
	from := func(address string) func(*http.Request) {
		return func(r *http.Request) { r.RemoteAddr = address + ":4711" }
	}
	for i := range 40 {
		r := s.send("GET", "/keys", "", as(fmt.Sprint("wrong-token-", i)), from("192.0.2.9"))
		if i < 10 {
			s.refused(r, 401, "unauthorized")
			continue
		}
		s.refused(r, 429, "too_many_requests")
		if r.header.Get("Retry-After") == "" {
			t.Errorf("%v", r.header)
		}
	}
	for _, address := range []string{"192.0.2.9", "192.0.2.8"} {
		if r := s.send("GET", "/keys", "", as(reader), from(address)); r.code != 200 {
			t.Errorf("the right token from %s: %d %s", address, r.code, r.body)
		}
	}
	s.refused(s.send("GET", "/keys", "", as("wrong-token"), from("192.0.2.8")), 401, "unauthorized")
	if n := strings.Count(s.log.String(), "\n"); n != 2 {
		t.Errorf("%d lines about unknown tokens of two addresses: %s", n, s.log)
	}
}
