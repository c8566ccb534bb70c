package keyring_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/tasks"
)

var _ tasks.Sealer = (*keyring.Ring)(nil)

func newMaster() (k [keyring.KeySize]byte) {
	_, _ = rand.Read(k[:])
	return k
}

func seal(t testing.TB, r *keyring.Ring, plain, bound string) []byte {
	t.Helper()
	sealed, err := r.Seal([]byte(plain), []byte(bound))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestSealAndOpen(t *testing.T) {
	r := keyring.New(newMaster())
	for _, plain := range []string{"", "x", "anna@example.com", strings.Repeat("long", 1<<14)} {
		sealed := seal(t, r, plain, "task 1")
		got, err := r.Open(sealed, []byte("task 1"))
		if err != nil || string(got) != plain {
			t.Errorf("%.20q: %.20q, %v", plain, got, err)
		}
		if len(sealed) != (len(plain)/keyring.BlockSize+1)*keyring.BlockSize+keyring.Overhead || (len(plain) > 8 && bytes.Contains(sealed, []byte(plain))) {
			t.Errorf("%.20q: %d bytes sealed", plain, len(sealed))
		}
		if again := seal(t, r, plain, "task 1"); bytes.Equal(again, sealed) {
			t.Error("two envelopes of one text are equal")
		}
	}
}

// TestLengthIsHidden checks that the length of an envelope does not show the length of a password.
func TestLengthIsHidden(t *testing.T) {
	r := keyring.New(newMaster())
	lengths := map[int]bool{}
	for _, password := range []int{1, 10, 30} {
		lengths[len(seal(t, r, "anna@example.com,"+strings.Repeat("p", password), "task 1"))] = true
	}
	if len(lengths) != 1 {
		t.Errorf("the lengths %v of the envelopes differ", lengths)
	}
	for n := range 3 * keyring.BlockSize { // also content that looks like padding
		plain := strings.Repeat("\x80\x00\x00", n)[:n]
		if got, err := r.Open(seal(t, r, plain, ""), nil); string(got) != plain || err != nil {
			t.Errorf("%d bytes: %q, %v", n, got, err)
		}
	}
}

// TestHeaderIsAuthenticated checks that an envelope opens only under the version that sealed it.
func TestHeaderIsAuthenticated(t *testing.T) {
	r := keyring.New(newMaster())
	sealed := seal(t, r, "secret", "task 1")
	other := bytes.Clone(sealed)
	other[0] = 1
	for _, bound := range []string{"task 1", string(sealed[:5]) + "task 1"} {
		if plain, err := r.Open(other, []byte(bound)); !errors.Is(err, keyring.ErrSealed) || plain != nil {
			t.Errorf("opened as version 1: %q, %v", plain, err)
		}
	}
}

func TestOtherBoundBytes(t *testing.T) {
	r := keyring.New(newMaster())
	sealed := seal(t, r, "secret", "task 1")
	for _, bound := range []string{"", "task 2", "task 1 ", "task 1\x00"} {
		if plain, err := r.Open(sealed, []byte(bound)); !errors.Is(err, keyring.ErrSealed) || plain != nil {
			t.Errorf("opened with %q: %q, %v", bound, plain, err)
		}
	}
}

// TestChangedEnvelope flips each bit of an envelope, and truncates the envelope at each byte.
func TestChangedEnvelope(t *testing.T) {
	r := keyring.New(newMaster())
	sealed := seal(t, r, "secret", "task 1")
	for i := range sealed {
		for bit := range 8 {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1 << bit
			checkRefused(t, r, changed)
		}
		checkRefused(t, r, sealed[:i])
	}
	checkRefused(t, r, append(bytes.Clone(sealed), 0))
	checkRefused(t, r, nil)
}

// TestHash checks that a hash depends on the text and on the key that encrypts, and on nothing else.
func TestHash(t *testing.T) {
	older, newer := newMaster(), newMaster()
	seen := map[string]bool{}
	for _, r := range []*keyring.Ring{keyring.New(older), keyring.New(newer, older)} {
		for _, text := range []string{"", "ann", "bob"} {
			hash, err := r.Hash(text)
			if again, _ := r.Hash(text); err != nil || again != hash || len(hash) != 64 || seen[hash] {
				t.Errorf("%q: %s, then %s, %v", text, hash, again, err)
			}
			seen[hash] = true
		}
	}
	one, _ := keyring.New(newer).Hash("ann")
	if other, _ := keyring.New(newer, older).Hash("ann"); one != other {
		t.Errorf("%s and %s", one, other)
	}
}

func checkRefused(t *testing.T, r *keyring.Ring, sealed []byte) {
	t.Helper()
	plain, err := r.Open(sealed, []byte("task 1"))
	if plain != nil || (!errors.Is(err, keyring.ErrSealed) && !errors.Is(err, keyring.ErrUnknownKey)) {
		t.Errorf("%x: %q, %v", sealed, plain, err)
	}
}

func TestOlderKeys(t *testing.T) {
	older, newer := newMaster(), newMaster()
	before, after, other := keyring.New(older), keyring.New(newer, older), keyring.New(newer)
	sealed := seal(t, before, "secret", "")
	if plain, err := after.Open(sealed, nil); err != nil || string(plain) != "secret" {
		t.Errorf("%q, %v", plain, err)
	}
	id, _ := keyring.KeyID(sealed)
	if _, err := other.Open(sealed, nil); !errors.Is(err, keyring.ErrUnknownKey) || !strings.Contains(err.Error(), id) {
		t.Error(err)
	}
	id, _ = keyring.KeyID(seal(t, after, "", ""))
	if first, _ := keyring.KeyID(seal(t, other, "", "")); id != first {
		t.Errorf("sealed with %s instead of %s", id, first)
	}
	if _, ok := keyring.KeyID([]byte("garbage")); ok {
		t.Error("garbage has a key")
	}
}

func TestConcurrentUse(t *testing.T) {
	r := keyring.New(newMaster())
	var group sync.WaitGroup
	for i := range 16 {
		group.Go(func() {
			plain := fmt.Sprint("secret ", i)
			if got, err := r.Open(seal(t, r, plain, plain), []byte(plain)); err != nil || string(got) != plain {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	group.Wait()
}

// stored and stored2 are envelopes of versions 1 and 2, as existing databases hold them: "secret", bound to "b", under the
// key 1, 0, 0, ….
const (
	stored  = "01273f8e0c37ca14d554a828a109c5522ff0f36ef3abbf55860956406c39057698338e979f3423"
	stored2 = "02273f8e0c68673ae38786caca43f38ee85bd11957e1f697d434a4e5ca1e7403dfce3a98bcbc59d1e69281cbb3723fdd6a2643fc8728a7f1c8be" +
		"3edad44613ba21910f08f0c57d7871b0c0e1a655d08037bdeacdf928631a8c9c846f86a896a5ae83c967a54333474c568483848eda1ddcac718a" +
		"b194b033fc53240f3f0319837a20b0767250e217ed3d7e84fcfa08c34d59ecb92a089205d97c95f0b7dac7ecfb"
)

// TestStoredEnvelope checks that no version changes the format of envelopes, such as what is authenticated.
func TestStoredEnvelope(t *testing.T) {
	for _, text := range []string{stored, stored2} {
		sealed, _ := hex.DecodeString(text)
		plain, err := keyring.New([keyring.KeySize]byte{1}).Open(sealed, []byte("b"))
		if err != nil || string(plain) != "secret" {
			t.Errorf("%q, %v", plain, err)
		}
	}
}

// FuzzOpen checks that only envelopes of the ring decrypt, and that Open does not panic.
func FuzzOpen(f *testing.F) {
	r := keyring.New([keyring.KeySize]byte{1})
	sealed, _ := hex.DecodeString(stored)
	f.Add(sealed, []byte("b"))
	f.Add(sealed[:keyring.Overhead], []byte("b"))
	f.Add([]byte{1}, []byte{})
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, data, bound []byte) {
		plain, err := r.Open(data, bound)
		valid := bytes.Equal(data, sealed) && string(bound) == "b"
		if (err == nil) != valid || (err != nil && plain != nil) {
			t.Errorf("%x: %q, %v", data, plain, err)
		}
	})
}

func ExampleNew() {
	ring := keyring.New([keyring.KeySize]byte{ /* 32 random bytes */ })
	sealed, err := ring.Seal([]byte("a secret"), []byte("task 1"))
	if err != nil {
		fmt.Println(err)
		return
	}
	plain, _ := ring.Open(sealed, []byte("task 1"))
	_, err = ring.Open(sealed, []byte("task 2"))
	fmt.Printf("%s; %v\n", plain, err)
	// Output: a secret; keyring: the envelope does not decrypt
}
