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
	forID   = "keyseat keyring id"
	forSeal = "keyseat keyring seal v1"
)

// A key is a master key that is ready for use. It does not keep the bytes of the master key.
type key struct {
	id   string // as in an envelope
	aead cipher.AEAD
}

func newKey(master [KeySize]byte) key {
	block, err := aes.NewCipher(derive(master, forSeal, KeySize))
	if err != nil {
		panic("keyring: " + err.Error()) // the only error is about the size of the key
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("keyring: " + err.Error()) // the only error is about ciphers other than AES
	}
	return key{string(derive(master, forID, idSize)), aead}
}

func (k key) name() string { return hex.EncodeToString([]byte(k.id)) }

func derive(master [KeySize]byte, purpose string, size int) []byte {
	out, err := hkdf.Key(sha256.New, master[:], nil, purpose, size)
	if err != nil {
		panic("keyring: " + err.Error()) // the only errors are about sizes
	}
	return out
}

// generate makes a new key. It returns the key's id in hexadecimal and the key's line in a file.
func generate() (name, line string) {
	var master [KeySize]byte
	_, _ = rand.Read(master[:]) // Read never returns an error; it ends the program instead
	name = newKey(master).name()
	return name, name + " " + base64.StdEncoding.EncodeToString(master[:])
}
