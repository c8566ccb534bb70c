package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"time"
)

// KeySize is the size of a master key, in bytes.
const KeySize = 32

// idSize is the size of a key's id in an envelope, in bytes. Files and messages have the id in hexadecimal.
const idSize = 4

// The purposes for which bytes are derived from a master key.
const (
	purposeID  = "keyseat keyring id"
	purposeV1  = "keyseat keyring seal v1"
	purposeV2  = "keyseat keyring seal v2"
	purposeMAC = "keyseat keyring mac"
)

// A key is a master key that is ready for use. It does not keep the bytes of the master key.
type key struct {
	id      string      // as in an envelope
	v1, v2  cipher.AEAD // for envelopes of that version
	mac     []byte      // for keyed hashes
	created time.Time   // zero: unknown
}

func newKey(master [KeySize]byte) key {
	return key{
		id:  string(deriveBytes(master, purposeID, idSize)),
		v1:  newAEAD(deriveBytes(master, purposeV1, KeySize)),
		v2:  newAEAD(deriveBytes(master, purposeV2, KeySize)),
		mac: deriveBytes(master, purposeMAC, KeySize),
	}
}

func newAEAD(derived []byte) cipher.AEAD {
	block, err := aes.NewCipher(derived)
	if err != nil {
		panic("keyring: " + err.Error()) // the only error is about the size of the key
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("keyring: " + err.Error()) // the only error is about ciphers other than AES
	}
	return aead
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
func generateKey(now time.Time) (id string, l line) {
	var master [KeySize]byte
	_, _ = rand.Read(master[:]) // Read never returns an error; it ends the program instead
	k := newKey(master)
	k.created = now.UTC().Truncate(time.Second)
	id = k.hexID()
	return id, line{id + " " + base64.StdEncoding.EncodeToString(master[:]) + " " + k.created.Format(time.RFC3339), &k}
}
