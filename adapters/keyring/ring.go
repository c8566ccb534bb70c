package keyring

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// What a [Ring] answers to what it cannot open.
var (
	// ErrUnknownKey says that the envelope was sealed with a key that is not in the ring.
	ErrUnknownKey = errors.New("keyring: sealed with a key that is not in the ring")
	// ErrSealed says that it is no envelope, was changed, or is bound to something else.
	ErrSealed = errors.New("keyring: it does not open")
)

// A Ring seals and opens. It may be used by many goroutines at once.
type Ring struct {
	path string // "" for a ring in memory
	keys atomic.Pointer[[]key]

	reading sync.Mutex           // over rereads
	seen    atomic.Pointer[seen] // of the last read; nil for a ring in memory
}

// New makes a ring in memory. The first key encrypts, all decrypt.
func New(first [KeySize]byte, others ...[KeySize]byte) *Ring {
	keys := []key{newKey(first)}
	for _, k := range others {
		keys = append(keys, newKey(k))
	}
	return inMemory(keys)
}

// Parse makes a ring in memory from the text of a file, for those who keep it elsewhere.
func Parse(text []byte) (*Ring, error) {
	lines, err := parse(text)
	if err != nil {
		return nil, fault("", err)
	}
	return inMemory(keysOf(lines)), nil
}

// Open reads a ring from its file, and will read it again when it has changed: before it seals, and
// when it meets a key that it does not know.
//
// While the file cannot be read any more, or has become faulty, the ring opens with the keys it had,
// but does not seal: what is sealed must open after a restart too, and so its key must be on disk.
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

// Seal encrypts, so that it opens with the same bound bytes only. The error is that of reading the
// file again.
func (r *Ring) Seal(plain, bound []byte) ([]byte, error) {
	if err := r.refresh(); err != nil {
		return nil, err
	}
	k := (*r.keys.Load())[0]
	return k.aead.Seal(header(k, len(plain)), nil, plain, bound), nil
}

// Open decrypts, or returns [ErrUnknownKey], which names the key, or [ErrSealed].
func (r *Ring) Open(sealed, bound []byte) ([]byte, error) {
	id, content, ok := split(sealed)
	if !ok {
		return nil, ErrSealed
	}
	k, known := r.find(id)
	if !known {
		_ = r.refresh() // which reads only what has changed: garbage costs no more than a look
		if k, known = r.find(id); !known {
			return nil, fmt.Errorf("%w (%s)", ErrUnknownKey, key{id: id}.name())
		}
	}
	plain, err := k.aead.Open(nil, nil, content, bound)
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

func (r *Ring) find(id string) (key, bool) {
	for _, k := range *r.keys.Load() {
		if k.id == id {
			return k, true
		}
	}
	return key{}, false
}
