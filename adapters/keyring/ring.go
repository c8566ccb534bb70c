// Package keyring encrypts the secrets that no store may see, with AES-256-GCM under a ring of master keys.
//
// The ring is a file. The first key encrypts, and all keys decrypt:
//
//	# since this morning
//	5f0c3a1e qNbW…44 characters of base64…= 2026-11-29T12:00:00Z
//	# before
//	a94e07d2 Z1x0…= 2026-11-28T12:00:00Z
//
// A line is a key's id, 32 random bytes, and the time at which the key was made. The id is derived from the bytes, so that
// a damaged line is detected. The id is not secret. Lines of earlier versions have no time: their age is unknown.
// [Add] makes a new key and writes it as the first one. A [Ring] in use reads the changed file.
//
// # Rotation
//
// A database keeps old versions of a row in its files, its log, standbys and backups. So an account that was erased from
// its row can still be found there. Nobody can open it when its master key is gone. [Rotate] therefore adds a key each
// period, and destroys the older keys that nothing needs:
//
//	made ──▶ first: encrypts ──a period──▶ later: decrypts only ──10 minutes, not in use──▶ destroyed
//
// The keys must not be in the database or in its backups. A key that is wrapped by another key and stored in the
// database is in the same log as the row that it protects. A key that only a process holds is lost with the process,
// and then accepted tasks are lost too.
//
// A daemon can encrypt with a key that is no longer the first one of the file, in two cases:
//
//   - The daemon has read the file just before the change. For this case a key stays in the file for 10 minutes ([Rest]).
//   - The daemon has a copy of the file. For this case daemons record in the database which key they encrypt with.
//
// After the replacement of a file with a destroyed key, Rotate overwrites the old file and syncs it. That is no
// guarantee on file systems that copy on write, and on disks that move blocks.
//
// # Envelopes
//
// An encrypted text is an envelope:
//
//	version 2 │ id of the key │ nonce    │ ciphertext of the content, padded │ tag
//	1 byte    │ 4 bytes       │ 12 bytes │ a multiple of 128 bytes           │ 16 bytes
//
// The padding is one byte 0x80 and then zeros, so that the length of an envelope does not show the length of a
// password. An envelope decrypts only together with the bytes that it was bound to, and with its header. The key that
// encrypts is derived from the master key for this one purpose. Envelopes of version 1 have no padding and an
// unauthenticated header. [Ring.Open] still decrypts them.
//
// The nonce is random, which is safe for four billion envelopes under one key (2³²; NIST SP 800-38D, section 8.3). A
// daily rotation keeps far below that.
//
// On Unix, the ring refuses a file that other users of the machine can write. It also refuses a file whose mode lets
// every user read it, with two exceptions. Either other users cannot enter its folder, or the file is a secret that is
// mounted in memory. The group of the file may read it, because mounted secrets are often readable for a group.
package keyring

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/keyseat/keyseat/internal/safefile"
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

// Open reads a ring from its file. Before the ring encrypts, and when an envelope has an unknown key, the ring checks
// whether the file has changed, and then reads it again.
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

// Seal encrypts plain and returns an envelope. [Ring.Open] decrypts the envelope only if its argument bound is the
// same. Seal returns an error if the ring cannot read its file again, as [Open] describes.
func (r *Ring) Seal(plain, bound []byte) ([]byte, error) {
	if err := r.refresh(); err != nil {
		return nil, err
	}
	return (*r.keys.Load())[0].seal(plain, bound), nil
}

// Open decrypts an envelope that [Ring.Seal] has made with the same argument bound. The error is [ErrUnknownKey], with
// the id of the key, or [ErrSealed].
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

// Hash returns a keyed hash of a text: HMAC-SHA-256 in hexadecimal, under a key that is derived from the master key
// that encrypts. So the hash of a text changes with each rotation. After the master key is destroyed, nobody can test
// guesses of the text. Hash returns an error if the ring cannot read its file again, as [Open] describes.
func (r *Ring) Hash(text string) (string, error) {
	if err := r.refresh(); err != nil {
		return "", err
	}
	hash := hmac.New(sha256.New, (*r.keys.Load())[0].mac)
	hash.Write([]byte(text)) // never fails
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// Keys returns the ids of the keys and their times of creation. The key that encrypts comes first. Keys returns an
// error if the ring cannot read its file again, as [Open] describes.
func (r *Ring) Keys() ([]KeyInfo, error) {
	err := r.refresh()
	return infos(*r.keys.Load()), err
}

func (r *Ring) find(id string) (key, bool) {
	keys := *r.keys.Load()
	if i := slices.IndexFunc(keys, func(k key) bool { return k.id == id }); i >= 0 {
		return keys[i], true
	}
	return key{}, false
}

type fileState struct {
	fs.FileInfo
	err error
}

// refresh reads the file if it has changed since the last read. Otherwise it returns the error of the last read.
func (r *Ring) refresh() error {
	if r.path == "" {
		return nil
	}
	now, err := os.Stat(r.path)
	if err != nil {
		return wrapErr(r.path, err)
	}
	if last := r.lastRead.Load(); last != nil && safefile.Unchanged(last.FileInfo, now) {
		return last.err
	}
	return r.reload()
}

// reload reads the file, one goroutine at a time. If another goroutine has read the same version of the file before,
// reload keeps the result of that goroutine.
func (r *Ring) reload() error {
	r.readLock.Lock()
	defer r.readLock.Unlock()
	lines, info, err := r.read()
	if info == nil {
		return wrapErr(r.path, err)
	}
	if last := r.lastRead.Load(); last != nil && safefile.Unchanged(last.FileInfo, info) {
		return last.err
	}
	if err == nil {
		r.keys.Store(new(keysOf(lines)))
	}
	err = wrapErr(r.path, err)
	r.lastRead.Store(&fileState{info, err})
	return err
}

// read reads the file. If the file is replaced and overwritten during that time, read starts again with the new file,
// up to three times in all.
func (r *Ring) read() (lines []line, info fs.FileInfo, err error) {
	for range 3 {
		if lines, info, err = readFile(r.path); err == nil || info == nil {
			break
		}
		if now, gone := os.Stat(r.path); gone != nil || os.SameFile(info, now) {
			break
		}
	}
	return lines, info, err
}
