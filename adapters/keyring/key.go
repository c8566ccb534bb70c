package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
)

// KeySize is the size of a master key, in bytes.
const KeySize = 32

// idSize is the size of a key's id in an envelope, in bytes. Files and messages have the id in hexadecimal.
const idSize = 4

// The purposes for which bytes are derived from a master key.
const (
	purposeID   = "keyseat keyring id"
	purposeSeal = "keyseat keyring seal v1"
)

// A key is a master key that is ready for use. It does not keep the bytes of the master key.
type key struct {
	id   string // as in an envelope
	aead cipher.AEAD
}

func newKey(master [KeySize]byte) key {
	block, err := aes.NewCipher(deriveBytes(master, purposeSeal, KeySize))
	if err != nil {
		panic("keyring: " + err.Error()) // the only error is about the size of the key
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("keyring: " + err.Error()) // the only error is about ciphers other than AES
	}
	return key{string(deriveBytes(master, purposeID, idSize)), aead}
}

func (k key) hexID() string { return hex.EncodeToString([]byte(k.id)) }

func deriveBytes(master [KeySize]byte, purpose string, size int) []byte {
	out, err := hkdf.Key(sha256.New, master[:], nil, purpose, size)
	if err != nil {
		panic("keyring: " + err.Error()) // the only errors are about sizes
	}
	return out
}

// generateKey makes a new key. It returns the key's id in hexadecimal and the key's line in a file.
func generateKey() (id, text string) {
	var master [KeySize]byte
	_, _ = rand.Read(master[:]) // Read never returns an error; it ends the program instead
	id = newKey(master).hexID()
	return id, id + " " + base64.StdEncoding.EncodeToString(master[:])
}

// The layout of an envelope: see the package comment.
const (
	version    = 1
	headerSize = 1 + idSize
	overhead   = 12 + 16 // nonce and tag
)

// newEnvelope returns the header of an envelope, with capacity for the rest. size is the length of the content.
func newEnvelope(k key, size int) []byte {
	out := make([]byte, 0, headerSize+size+overhead)
	return append(append(out, version), k.id...)
}

func splitEnvelope(sealed []byte) (id string, content []byte, ok bool) {
	if len(sealed) < headerSize+overhead || sealed[0] != version {
		return "", nil, false
	}
	return string(sealed[1:headerSize]), sealed[headerSize:], true
}

// KeyID returns the id of the key that encrypted an envelope, in the form of the key ring file. It returns false
// if sealed is not an envelope.
func KeyID(sealed []byte) (string, bool) {
	id, _, ok := splitEnvelope(sealed)
	return hex.EncodeToString([]byte(id)), ok
}
