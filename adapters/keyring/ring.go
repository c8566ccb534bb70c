package keyring

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// Errors of [Ring.Open].
var (
	// ErrUnknownKey reports that the envelope was sealed with a key that is not in the ring.
	ErrUnknownKey = errors.New("keyring: sealed with a key that is not in the ring")
	// ErrSealed reports that the bytes are not an envelope, were changed, or are bound to other bytes.
	ErrSealed = errors.New("keyring: the envelope does not decrypt")
)

// A Ring encrypts and decrypts. Many goroutines may use it simultaneously.
type Ring struct {
	path string // "" for a ring in memory
	keys atomic.Pointer[[]key]

	readLock sync.Mutex                // held during a read of the file
	lastRead atomic.Pointer[fileState] // the last read; nil for a ring in memory
}

// New returns a ring in memory. The first key encrypts, and all keys decrypt.
func New(first [KeySize]byte, others ...[KeySize]byte) *Ring {
	keys := []key{newKey(first)}
	for _, k := range others {
		keys = append(keys, newKey(k))
	}
	return inMemory(keys)
}

// Parse returns a ring in memory from the text of a key ring file, for callers that keep the text elsewhere.
func Parse(text []byte) (*Ring, error) {
	lines, err := parse(text)
	if err != nil {
		return nil, wrapErr("", err)
	}
	return inMemory(keysOf(lines)), nil
}

// Open reads a ring from its file. The ring checks the file before it encrypts, and when an envelope has an unknown
// key. If the file has changed, the ring reads it again.
//
// If the file becomes unreadable or invalid, the ring decrypts with the keys that it has, but does not encrypt.
// An envelope must decrypt after a restart too, so its key must be on disk.
func Open(path string) (*Ring, error) {
	r := &Ring{path: path}
	if err := r.refresh(); err != nil {
		return nil, err
	}
	return r, nil
}

func inMemory(keys []key) *Ring {
	r := new(Ring)
	r.keys.Store(&keys)
	return r
}

// Seal returns an envelope with the content plain. [Ring.Open] decrypts it only with the same bound bytes. The
// error is that of reading the file again.
func (r *Ring) Seal(plain, bound []byte) ([]byte, error) {
	if err := r.refresh(); err != nil {
		return nil, err
	}
	return (*r.keys.Load())[0].seal(plain, bound), nil
}

// Open decrypts an envelope that is bound to the bytes bound. The error is [ErrUnknownKey], with the id of the key,
// or [ErrSealed].
func (r *Ring) Open(sealed, bound []byte) ([]byte, error) {
	e, ok := splitEnvelope(sealed)
	if !ok {
		return nil, ErrSealed
	}
	id := e.keyID()
	k, known := r.find(id)
	if !known {
		_ = r.refresh() // reads only a changed file, so an invalid envelope costs no more than a stat
		if k, known = r.find(id); !known {
			return nil, fmt.Errorf("%w (%s)", ErrUnknownKey, key{id: id}.hexID())
		}
	}
	plain, ok := k.open(e, bound)
	if !ok {
		return nil, ErrSealed
	}
	return plain, nil
}

// Hash returns a keyed hash of a text: HMAC-SHA-256 in hexadecimal, under a key that is derived from the master key that
// encrypts. So the same text has another hash after a rotation, and nobody can test guesses of the text when the master key
// is destroyed. The error is that of reading the file again.
func (r *Ring) Hash(text string) (string, error) {
	if err := r.refresh(); err != nil {
		return "", err
	}
	hash := hmac.New(sha256.New, (*r.keys.Load())[0].mac)
	hash.Write([]byte(text)) // never fails
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// Keys returns the ids of the keys and their times of creation, the key that encrypts first. The error is that of
// reading the file again.
func (r *Ring) Keys() ([]KeyInfo, error) {
	err := r.refresh()
	return infos(*r.keys.Load()), err
}

func (r *Ring) find(id string) (key, bool) {
	for _, k := range *r.keys.Load() {
		if k.id == id {
			return k, true
		}
	}
	return key{}, false
}
