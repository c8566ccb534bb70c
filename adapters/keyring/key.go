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

// idSize is that of a key's id in an envelope. Twice as many hexadecimal digits name it to people.
const idSize = 4

// What is derived from a master key.
const (
	forID   = "keyseat keyring id"
	forSeal = "keyseat keyring seal v1"
)

// A key is a master key, ready for use. It does not keep the bytes that it was made from.
type key struct {
	id   string // as in an envelope
	aead cipher.AEAD
}

func newKey(master [KeySize]byte) key {
	block, err := aes.NewCipher(derive(master, forSeal, KeySize))
	if err != nil {
		panic("keyring: " + err.Error()) // it only ever complains of the key's size
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("keyring: " + err.Error()) // it only ever complains of foreign ciphers
	}
	return key{string(derive(master, forID, idSize)), aead}
}

func (k key) name() string { return hex.EncodeToString([]byte(k.id)) }

func derive(master [KeySize]byte, purpose string, size int) []byte {
	out, err := hkdf.Key(sha256.New, master[:], nil, purpose, size)
	if err != nil {
		panic("keyring: " + err.Error()) // it only ever complains of sizes
	}
	return out
}

// generate makes a new key and its line in a file.
func generate() (name, line string) {
	var master [KeySize]byte
	_, _ = rand.Read(master[:]) // it never fails: it would end the program
	name = newKey(master).name()
	return name, name + " " + base64.StdEncoding.EncodeToString(master[:])
}
