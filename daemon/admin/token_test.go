package admin_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/admin"
)

// file writes a file of tokens.
func file(t *testing.T, text string) admin.TokenFile {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return admin.TokenFile(path)
}

func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return "sha256:" + hex.EncodeToString(sum[:])
}

const canary = "canary-0123456789"

func TestTokenFile(t *testing.T) {
	f := file(t, "# tokens\n\n  shop\twrite  "+hash(writer)+" # the web shop\r\n#off read "+canary+"\nboard read "+reader+"#x")
	for text, want := range map[string]struct {
		name string
		role admin.Role
	}{
		writer:        {"shop", admin.Write},
		reader + "#x": {"board", admin.Read},
		hash(writer):  {},
		canary:        {},
		"":            {},
	} {
		if got, err := f.Find(text); err != nil || got.Name != want.name || got.Role != want.role {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestTokenFileErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"shop write", "line 1: a line is"},
		{"\nshop write " + canary + " " + canary, "line 2: a line is"},
		{canary, "line 1: a line is"},
		{"shop admin " + canary, "line 1: a role is"},
		{canary + " shop write", "line 1: a role is"},
		{"a/b read " + canary, "line 1: a name is"},
		{strings.Repeat("n", 65) + " read " + canary, "line 1: a name is"},
		{"shop read canary-short", "line 1: a token has"},
		{"shop read canary-\u00fcnprintable", "line 1: a token has"},
		{"shop read sha256:canary", "line 1: sha256: needs 64"},
		{"shop read " + canary + " expires:canary", "line 1: expires: needs a time"},
		{"shop read " + hash(canary) + "00", "line 1: sha256: needs 64"},
		{"a read " + canary + "\na write " + canary + "2", "line 2: the name or the token"},
		{"a read " + canary + "\nb write " + hash(canary), "line 2: the name or the token"},
		{"#" + strings.Repeat("x", 1<<20), "longer than"},
	} {
		f := file(t, c.text)
		found, err := f.Find(canary)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), string(f)) || found.Role != "" {
			t.Errorf("%.50q: %v, %+v", c.text, err, found)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("the error quotes the file: %v", err)
		}
	}
	if _, err := admin.TokenFile(filepath.Join(t.TempDir(), "none")).Find(canary); err == nil {
		t.Error("a missing file is no error")
	}
}

// openFolder creates a folder that every user can enter. A test's own temporary folder is closed to
// others.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "open") //nolint:usetesting // see above
	if err == nil {
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		err = os.Chmod(dir, 0o755) //nolint:gosec // see above
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTokenFilePermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		return
	}
	for mode, fine := range map[os.FileMode]bool{0o600: true, 0o640: true, 0o644: false, 0o602: false, 0o660: false, 0o620: false} {
		f := admin.TokenFile(filepath.Join(openFolder(t), "tokens"))
		if err := os.WriteFile(string(f), []byte("shop write "+canary+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(string(f), mode); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Find(canary); (err == nil) != fine {
			t.Errorf("%o: %v", mode, err)
		}
		if err := f.Add(admin.NewToken("b", admin.Read, reader)); (err == nil) != fine {
			t.Errorf("%o: %v", mode, err)
		}
	}
}

// TestTokenRotation checks that changes of the file take effect immediately.
func TestTokenRotation(t *testing.T) {
	s := newFixture(t)
	f := admin.TokenFile(filepath.Join(t.TempDir(), "tokens"))
	s.api.Tokens = f
	s.refused(s.send("GET", "/keys", ""), 503, "unavailable")
	s.must(f.Add(admin.NewToken("old", admin.Write, writer)))
	if info, err := os.Stat(string(f)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	s.checkStatus(writer, 200)
	s.must(f.Add(admin.NewToken("new", admin.Read, reader)))
	s.checkStatus(reader, 200)
	s.checkStatus(writer, 200)
	text, err := os.ReadFile(string(f))
	s.must(err)
	if strings.Contains(string(text), writer) || strings.Contains(string(text), reader) {
		t.Errorf("the file has the tokens themselves: %s", text)
	}
	s.must(os.WriteFile(string(f), text[strings.IndexByte(string(text), '\n')+1:], 0o600))
	s.checkStatus(reader, 200)
	s.checkStatus(writer, 401)
	s.must(os.WriteFile(string(f), []byte("nonsense\n"+string(text)), 0o600))
	s.checkStatus(reader, 503)
	if err := f.Add(admin.NewToken("new", admin.Read, canary)); err == nil {
		t.Error("a token is added to an invalid file")
	}
}

func (s fixture) checkStatus(token string, code int) {
	s.Helper()
	if r := s.send("GET", "/keys", "", as(token)); r.code != code {
		s.Errorf("%d %s, not %d", r.code, r.body, code)
	}
}

// TestRenewToken checks that a name may have two tokens of one role, and no token of another role.
func TestRenewToken(t *testing.T) {
	f := file(t, "a read "+reader+"\n")
	for _, token := range []admin.Token{admin.NewToken("a", admin.Write, writer), admin.NewToken("b", admin.Read, writer), admin.NewToken("a", admin.Read, reader)} {
		if err := f.Renew(token); err == nil {
			t.Errorf("%+v is added", token)
		}
	}
	if err := f.Renew(admin.NewToken("a", admin.Read, writer)); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{reader, writer} {
		if got, err := f.Find(text); err != nil || got.Name != "a" {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// TestTokensExpire checks that an expired token is refused as an unknown one is.
func TestTokensExpire(t *testing.T) {
	s := newFixture(t)
	f := file(t, "")
	later, past := admin.NewToken("a", admin.Read, reader), admin.NewToken("b", admin.Write, writer)
	later.Expires, past.Expires = time.Now().Add(time.Hour), time.Now().Add(-time.Second)
	s.must(f.Add(later))
	s.must(f.Add(past))
	s.api.Tokens = f
	s.checkStatus(reader, 200)
	s.checkStatus(writer, 401)
	all, err := f.Load()
	if err != nil || len(all) != 2 || !all[1].Expired(time.Now()) || all[0].Expires.IsZero() {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestAddToken(t *testing.T) {
	f := file(t, "a read "+reader) // with no end of line
	for _, token := range []admin.Token{
		admin.NewToken("a", admin.Write, writer), admin.NewToken("b", admin.Read, reader),
		admin.NewToken("b c", admin.Read, writer), admin.NewToken("b", "admin", writer), admin.NewToken("", admin.Read, writer),
	} {
		if err := f.Add(token); err == nil {
			t.Errorf("%+v is added", token)
		}
	}
	if err := f.Add(admin.NewToken("b", admin.Write, writer)); err != nil {
		t.Fatal(err)
	}
	all, err := f.Load()
	if err != nil || len(all) != 2 || all[1].Name != "b" || all[0].Name != "a" {
		t.Errorf("%+v, %v", all, err)
	}
}
