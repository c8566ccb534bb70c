package blackbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestSecretFilesMustBePrivate holds that serve takes no file of secrets that everybody may read or
// write, and says what to do. A mode for a group shows that it is the mode, and a closed folder that it is
// what others can really read.
func TestSecretFilesMustBePrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("there modes mean nothing")
	}
	s := NewSQLiteShop(t)
	folder, err := os.MkdirTemp("/tmp", "secrets") //nolint:usetesting // a test's own folder is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	files := s.secretFiles(folder)
	var flags []string
	for flag, path := range files {
		flags = append(flags, flag+"="+path)
		s.chmod(folder, 0o755)
		for _, mode := range []os.FileMode{0o644, 0o604, 0o602, 0o444} {
			s.chmod(path, mode)
			r := s.Exec("serve", "--connector="+s.Provider.URL, "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", flag+"="+path)
			want := 1
			if flag == "--config" {
				want = 2 // as any fault of that file
			}
			if r.Code != want || !strings.Contains(r.Err, "chmod o-rw") || !strings.Contains(r.Err, path) || strings.Contains(r.Err, "s3cret") {
				t.Errorf("%s with the mode %o: %+v", flag, mode, r)
			}
		}
		s.chmod(path, 0o640)
	}
	s.Serve(flags...).Stop()
	for _, mode := range []os.FileMode{0o440, 0o444, 0o644} {
		s.chmod(folder, 0o750) // which others cannot enter
		if mode == 0o440 {
			s.chmod(folder, 0o755)
		}
		for _, path := range files {
			s.chmod(path, mode)
		}
		s.Serve(flags...).Stop()
	}
}

// secretFiles makes a file of each kind that holds a secret, by its flag.
func (s *Shop) secretFiles(folder string) map[string]string {
	s.Helper()
	files := map[string]string{}
	for _, flag := range []string{"--master-key-file", "--admin-token-file", "--connector-token-file", "--webhook-file", "--config"} {
		files[flag] = filepath.Join(folder, strings.TrimPrefix(flag, "--"))
	}
	s.MustExec("master-key", "add", files["--master-key-file"])
	s.MustExec("admin-token", "add", files["--admin-token-file"], "--name", "x", "--role", "read")
	for flag, text := range map[string]string{
		"--connector-token-file": "s3cret",
		"--webhook-file":         `[{"name":"shop","url":"https://shop.example/hook","secrets":["` + hookSecret + `"]}]`,
		"--config":               `{"database": "postgres://u:s3cret@127.0.0.1:1/d"}`, // which a flag wins over
	} {
		if err := os.WriteFile(files[flag], []byte(text), 0o600); err != nil {
			s.Fatal(err)
		}
	}
	return files
}

func (s *Shop) chmod(path string, mode os.FileMode) {
	s.Helper()
	if err := os.Chmod(path, mode); err != nil {
		s.Fatal(fmt.Errorf("chmod: %w", err))
	}
}
