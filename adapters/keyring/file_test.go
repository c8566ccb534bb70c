package keyring_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/keyring"
)

// newFile creates a key ring file with one key.
func newFile(t testing.TB) (path, id string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "keys")
	id, err := keyring.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, id
}

func open(t testing.TB, path string) *keyring.Ring {
	t.Helper()
	r, err := keyring.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sealingKey(t testing.TB, r *keyring.Ring) string {
	t.Helper()
	id, _ := keyring.KeyID(seal(t, r, "secret", "b"))
	return id
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCreate(t *testing.T) {
	path, id := newFile(t)
	text := read(t, path)
	if info, _ := os.Stat(path); runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("mode %s", info.Mode())
	}
	if !regexp.MustCompile(`^[0-9a-f]{8} [A-Za-z0-9+/]{43}= \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n$`).MatchString(text) || text[:8] != id {
		t.Errorf("%s: %q", id, text)
	}
	if _, err := keyring.Create(path); !errors.Is(err, fs.ErrExist) || read(t, path) != text {
		t.Errorf("created twice: %v", err)
	}
	if _, err := keyring.Open(path + "-none"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	checkNoTempFile(t, path)
}

// checkNoTempFile checks that no temporary file was left.
func checkNoTempFile(t *testing.T, path string) {
	t.Helper()
	if all, _ := os.ReadDir(filepath.Dir(path)); len(all) != 1 {
		t.Errorf("%v", all)
	}
}

// TestAdd adds a key while two rings are in use. A ring that has not read the new key yet decrypts the envelopes of
// the other ring.
func TestAdd(t *testing.T) {
	path, first := newFile(t)
	write(t, path, "# mine\n\n"+read(t, path)+"# end")
	serving, other := open(t, path), open(t, path)
	before := seal(t, serving, "secret", "b")
	second, err := keyring.Add(path)
	if err != nil || second == first {
		t.Fatal(second, err)
	}
	if text := read(t, path); !regexp.MustCompile("^# mine\n\n" + second + " .*\n" + first + " .*\n# end\n$").MatchString(text) {
		t.Errorf("%q", text)
	}
	sealed := seal(t, serving, "secret", "b")
	if id, _ := keyring.KeyID(sealed); id != second {
		t.Errorf("sealed with %s, not %s", id, second)
	}
	for _, s := range [][]byte{before, sealed} {
		if plain, err := other.Open(s, []byte("b")); string(plain) != "secret" {
			t.Error(err)
		}
	}
	checkNoTempFile(t, path)
}

func TestAddCreates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	id, err := keyring.Add(path)
	if err != nil || sealingKey(t, open(t, path)) != id {
		t.Error(err)
	}
}

// TestConcurrentAdds checks that simultaneous calls of Add lose no key, though some of them fail.
func TestConcurrentAdds(t *testing.T) {
	path, _ := newFile(t)
	serving := open(t, path)
	var mu sync.Mutex
	var added []string
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if id, err := keyring.Add(path); err == nil {
				mu.Lock()
				defer mu.Unlock()
				added = append(added, id)
			}
			seal(t, serving, "secret", "b")
		})
	}
	group.Wait()
	text := read(t, path)
	for _, id := range added {
		if strings.Count(text, id+" ") != 1 {
			t.Errorf("%s is not in %q", id, text)
		}
	}
	if len(added) == 0 || strings.Count(text, "\n") != 1+len(added) {
		t.Errorf("%d added: %q", len(added), text)
	}
	checkNoTempFile(t, path)
}

// TestLeftEdit checks that an edit goes on after one that died, and destroys what that one had written.
func TestLeftEdit(t *testing.T) {
	path, first := newFile(t)
	write(t, path+".new", read(t, path)+"# torn")
	left, err := os.Open(path + ".new")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = left.Close() }() // it was only read
	second, err := keyring.Add(path)
	if text := read(t, path); err != nil || !strings.HasPrefix(text, second) || strings.Count(text, "\n") != 2 || !strings.Contains(text, "\n"+first) {
		t.Errorf("%q, %v", text, err)
	}
	if text, _ := io.ReadAll(left); strings.Contains(string(text), "torn") {
		t.Errorf("it is left: %q", text)
	}
	checkNoTempFile(t, path)
}

func TestSymlinkIsKept(t *testing.T) {
	path, _ := newFile(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	id, err := keyring.Add(link)
	if err != nil || sealingKey(t, open(t, path)) != id {
		t.Error(err)
	}
	if target, _ := os.Readlink(link); target != path {
		t.Error("the link is gone")
	}
}

// TestInvalidFiles checks that errors name the line and never quote it.
func TestInvalidFiles(t *testing.T) {
	path, id := newFile(t)
	good := read(t, path)
	for text, want := range map[string]string{
		"":                                "there is no key in it",
		"# nothing\n":                     "there is no key in it",
		good + good:                       "line 2: the key is in the file twice",
		"\n# x\n" + good[:20]:             "line 3: it is not a key's id, a space and 32 bytes in base64",
		good[9:]:                          "line 1: it is not a key's id, a space and 32 bytes in base64",
		good[:8] + " " + good:             "line 1: it is not a key's id, a space and 32 bytes in base64",
		id + " c2VjcmV0\n":                "line 1: it is not a key's id, a space and 32 bytes in base64",
		good[:53] + " yesterday":          "line 1: the third field is not the time at which the key was made",
		flip(good):                        "line 1: the id is not that of the key: one of them was changed",
		good + "00000000" + good[8:]:      "line 2: the id is not that of the key: one of them was changed",
		good + strings.Repeat("#", 1<<16): "it is too large for a key ring",
	} {
		write(t, path, text)
		_, err := keyring.Open(path)
		if err == nil || err.Error() != "key ring "+path+": "+want {
			t.Errorf("%.60q: %v", text, err)
		}
		if _, adding := keyring.Add(path); adding == nil || read(t, path) != text {
			t.Errorf("%.60q: added to", text)
		}
	}
}

// flip changes one character of the first key.
func flip(text string) string {
	other := "A"
	if text[12] == 'A' {
		other = "B"
	}
	return text[:12] + other + text[13:]
}

// openFolder makes a folder that every user can enter. The temporary folder of a test is closed to other users.
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

func TestReadableByOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		return
	}
	path := filepath.Join(openFolder(t), "keys")
	if _, err := keyring.Add(path); err != nil {
		t.Fatal(err)
	}
	r := open(t, path)
	for mode, fine := range map[fs.FileMode]bool{0o604: false, 0o602: false, 0o644: false, 0o640: true, 0o660: false, 0o400: true, 0o600: true} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := keyring.Open(path); (err == nil) != fine {
			t.Errorf("%s: %v", mode, err)
		}
		if _, err := r.Seal(nil, nil); (err == nil) != fine {
			t.Errorf("%s, while in use: %v", mode, err)
		}
	}
}

// TestFileBreaksWhileInUse checks that a ring with a broken file decrypts, does not encrypt, and recovers.
func TestFileBreaksWhileInUse(t *testing.T) {
	path, id := newFile(t)
	text := read(t, path)
	r := open(t, path)
	sealed := seal(t, r, "secret", "b")
	for name, damage := range map[string]func() error{
		"broken":  func() error { return os.WriteFile(path, []byte("# gone"), 0o600) },
		"removed": func() error { return os.Remove(path) },
	} {
		if err := damage(); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := r.Seal([]byte("secret"), nil); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: sealed: %v", name, err)
			}
			if plain, err := r.Open(sealed, []byte("b")); string(plain) != "secret" {
				t.Errorf("%s: %v", name, err)
			}
		}
		write(t, path, text)
		if got := sealingKey(t, r); got != id {
			t.Errorf("%s: sealed with %s", name, got)
		}
	}
}

// FuzzParse checks that a file is read whole or rejected, and that a ring from a valid file encrypts and decrypts. It
// also checks that errors quote nothing of the file.
func FuzzParse(f *testing.F) {
	path, _ := newFile(f)
	good := read(f, path)
	for _, text := range []string{good, "# c\r\n\r\n" + good, good[:30], good + good, "", " \t", "a b c"} {
		f.Add([]byte(text))
	}
	messages := regexp.MustCompile(`^key ring: (line [0-9]+: )?(it|the|there) [a-z0-9,:' ]+$`)
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := keyring.Parse(text)
		if err != nil {
			if r != nil || !messages.MatchString(err.Error()) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if plain, err := r.Open(seal(t, r, "secret", "b"), []byte("b")); string(plain) != "secret" {
			t.Errorf("%q: %v", text, err)
		}
	})
}

func ExampleOpen() {
	folder, err := os.MkdirTemp("", "keyring")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path := filepath.Join(folder, "master.keys")

	first, _ := keyring.Create(path)
	ring, _ := keyring.Open(path)
	old, _ := ring.Seal([]byte("a secret"), nil)

	second, _ := keyring.Add(path) // the ring detects the change
	sealed, _ := ring.Seal([]byte("another"), nil)

	was, _ := keyring.KeyID(old)
	is, _ := keyring.KeyID(sealed)
	fmt.Println(was == first, is == second)

	tomorrow := keyring.Rotation{Now: time.Now().Add(24 * time.Hour), InUse: func(string) string { return "" }}
	rotated, _ := keyring.Rotate(path, tomorrow)
	_, err = ring.Open(old, nil)
	fmt.Println(len(rotated.Destroyed), errors.Is(err, keyring.ErrUnknownKey))
	// Output:
	// true true
	// 1 false
}
