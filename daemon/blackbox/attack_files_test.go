package blackbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestFilesOfSecretsArePrivate holds that serve takes no file of secrets that everybody may read or
// write, and says what to do. That it takes one that is for its group shows that it is the mode.
func TestFilesOfSecretsArePrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there modes mean nothing")
	}
	s := onSQLite(t)
	files := map[string]string{
		"--master-key-file":      filepath.Join(s.folder, "keys"),
		"--admin-token-file":     filepath.Join(s.folder, "tokens"),
		"--connector-token-file": filepath.Join(s.folder, "token"),
		"--webhook-file":         filepath.Join(s.folder, "hooks.json"),
	}
	s.must("master-key", "add", files["--master-key-file"])
	s.must("admin-token", "add", files["--admin-token-file"], "--name", "x", "--role", "read")
	for flag, text := range map[string]string{
		"--connector-token-file": "s3cret",
		"--webhook-file":         `[{"name":"shop","url":"https://shop.example/hook","secrets":["` + hookSecret + `"]}]`,
	} {
		if err := os.WriteFile(files[flag], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var flags []string
	for flag, path := range files {
		flags = append(flags, flag+"="+path)
		for _, mode := range []os.FileMode{0o644, 0o604, 0o602} {
			s.chmod(path, mode)
			r := s.cli("serve", "--connector="+s.provider.URL, "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", flag+"="+path)
			if r.code != 1 || !strings.Contains(r.err, "chmod o-rw") || !strings.Contains(r.err, path) || strings.Contains(r.err, "s3cret") {
				t.Errorf("%s with the mode %o: %+v", flag, mode, r)
			}
		}
		s.chmod(path, 0o640)
	}
	s.serve(flags...).stop()
}

func (s *shop) chmod(path string, mode os.FileMode) {
	s.Helper()
	if err := os.Chmod(path, mode); err != nil {
		s.Fatal(fmt.Errorf("chmod: %w", err))
	}
}
