package keyring_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keyseat/keyseat/adapters/keyring"
)

const period = 24 * time.Hour

func unused(string) string { return "" }

// rotate rotates a file as if after were the time since now.
func rotate(t *testing.T, path string, after time.Duration, inUse func(string) string) keyring.Rotated {
	t.Helper()
	done, err := keyring.Rotate(path, keyring.Rotation{Now: time.Now().Add(after), Period: period, InUse: inUse})
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// TestRotate follows a key from its creation to its end. It opens envelopes until it is destroyed.
func TestRotate(t *testing.T) {
	path, first := newFile(t)
	sealed := seal(t, open(t, path), "secret", "b")
	if done := rotate(t, path, period-time.Minute, unused); done.Added != "" || len(done.Destroyed)+len(done.Kept) > 0 {
		t.Errorf("before the period: %+v", done)
	}
	second := rotate(t, path, period, unused)
	if second.Added == "" || len(second.Destroyed) > 0 || sealingKey(t, open(t, path)) != second.Added {
		t.Errorf("after the period: %+v", second)
	}
	if done := rotate(t, path, period+9*time.Minute, unused); len(done.Destroyed) > 0 || len(done.Kept) != 1 || !strings.Contains(done.Kept[0].Reason, "until") {
		t.Errorf("before it has rested: %+v", done)
	}
	if _, err := open(t, path).Open(sealed, []byte("b")); err != nil {
		t.Error(err)
	}
	task := func(string) string { return "an open task" }
	if done := rotate(t, path, period+time.Hour, task); len(done.Destroyed) > 0 || !slices.Equal(done.Kept, []keyring.Kept{{ID: first, Reason: "an open task"}}) {
		t.Errorf("in use: %+v", done)
	}
	if done := rotate(t, path, period+time.Hour, unused); !slices.Equal(done.Destroyed, []string{first}) || done.Added != "" {
		t.Errorf("unused: %+v", done)
	}
	if _, err := open(t, path).Open(sealed, []byte("b")); !errors.Is(err, keyring.ErrUnknownKey) {
		t.Errorf("it still opens: %v", err)
	}
	checkNoTempFile(t, path)
}

// TestKeysWithoutTime checks files of earlier versions, whose lines have no time.
func TestKeysWithoutTime(t *testing.T) {
	path, _ := newFile(t)
	older, _ := keyring.Add(path)
	lines := strings.Split(strings.TrimSpace(read(t, path)), "\n")
	write(t, path, lines[0][:53]+"\n"+lines[1][:53]+"\n")
	if all, err := open(t, path).Keys(); err != nil || len(all) != 2 || all[0].ID != older || !all[0].Created.IsZero() {
		t.Errorf("%+v, %v", all, err)
	}
	done, err := keyring.Rotate(path, keyring.Rotation{Now: time.Now(), InUse: unused})
	if err != nil || done.Added != "" || len(done.Kept) != 1 || !strings.Contains(done.Kept[0].Reason, "add a key, and prune 10 minutes later") {
		t.Errorf("%+v, %v", done, err)
	}
	if done := rotate(t, path, 0, unused); done.Added == "" || len(done.Destroyed) > 0 {
		t.Errorf("an unknown age: %+v", done)
	}
	if done := rotate(t, path, keyring.Rest, unused); len(done.Destroyed) != 2 {
		t.Errorf("%+v", done)
	}
}

// TestClockWasWrong checks that a key from the future gets a successor, and is destroyed in the end.
func TestClockWasWrong(t *testing.T) {
	path, _ := newFile(t)
	future := rotate(t, path, 1000*period, unused).Added
	if done := rotate(t, path, 0, unused); done.Added == "" || len(done.Destroyed) > 0 {
		t.Errorf("%+v", done)
	}
	if done := rotate(t, path, keyring.Rest, unused); !slices.Contains(done.Destroyed, future) || len(done.Destroyed) != 2 {
		t.Errorf("%+v", done)
	}
}

// TestDestroyedFileIsOverwritten checks that the old file, which a program could still have open, has no key in it. It
// also checks the mode of the new file.
func TestDestroyedFileIsOverwritten(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED, NOTHING WAS TESTED: Windows does not replace open files")
	}
	path, _ := newFile(t)
	rotate(t, path, period, unused)
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	before, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = before.Close() }() // it was only read
	if done := rotate(t, path, 2*period, unused); len(done.Destroyed) != 1 {
		t.Errorf("%+v", done)
	}
	if text, err := io.ReadAll(before); err != nil || len(text) < 100 || len(bytes.Trim(text, "\x00")) > 0 {
		t.Errorf("%q, %v", text, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o400 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestHardLinkIsLeftAlone checks that a rotation does not destroy a copy that somebody made as a hard link.
func TestHardLinkIsLeftAlone(t *testing.T) {
	path, _ := newFile(t)
	text := read(t, path)
	if err := os.Link(path, path+".link"); err != nil {
		t.Skip("SKIPPED, NOTHING WAS TESTED: no hard links here")
	}
	rotate(t, path, period, unused)
	if got := read(t, path+".link"); got != text {
		t.Errorf("%q", got)
	}
}

// TestConcurrentRotations rotates a file while rings seal with it: one key is added, and no seal fails.
func TestConcurrentRotations(t *testing.T) {
	path, first := newFile(t)
	serving := open(t, path)
	var added, sealed sync.Map
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			after := period + time.Duration(i%2)*time.Minute
			done, err := keyring.Rotate(path, keyring.Rotation{Now: time.Now().Add(after), Period: period, InUse: unused})
			if err != nil || len(done.Destroyed) > 0 {
				t.Errorf("%+v, %v", done, err)
			}
			added.Store(done.Added, true)
		})
		group.Go(func() { sealed.Store(sealingKey(t, serving), true) })
	}
	group.Wait()
	added.Delete("")
	ids := []string{first}
	added.Range(func(id, _ any) bool { ids = append(ids, id.(string)); return true })
	sealed.Range(func(id, _ any) bool {
		if !slices.Contains(ids, id.(string)) {
			t.Errorf("sealed with %v", id)
		}
		return true
	})
	if len(ids) != 2 {
		t.Errorf("the keys are %v", ids)
	}
	checkNoTempFile(t, path)
}

func TestRotateNeedsAFile(t *testing.T) {
	path, _ := newFile(t)
	if _, err := keyring.Rotate(path+"-none", keyring.Rotation{Now: time.Now(), InUse: unused}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	checkNoTempFile(t, path)
}
