package keyring

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

// The layout of an envelope: see the package comment.
const (
	version1   = 1
	version2   = 2 // of new envelopes
	headerSize = 1 + idSize
	overhead   = 12 + 16 // nonce and tag
	blockSize  = 128     // the size of padded content is a multiple of it
	padMark    = 0x80    // the first byte after the content; zeros follow
)

// An envelope is a sealed text, taken apart.
type envelope struct {
	header  []byte
	content []byte // nonce, ciphertext and tag
}

func splitEnvelope(sealed []byte) (e envelope, ok bool) {
	if len(sealed) < headerSize+overhead || sealed[0] != version1 && sealed[0] != version2 {
		return envelope{}, false
	}
	return envelope{sealed[:headerSize], sealed[headerSize:]}, true
}

func (e envelope) keyID() string { return string(e.header[1:]) }

// seal returns an envelope of version 2.
func (k key) seal(plain, bound []byte) []byte {
	padded := pad(plain)
	out := append(make([]byte, 0, headerSize+len(padded)+overhead), version2)
	out = append(out, k.id...)
	return k.v2.Seal(out, nil, padded, slices.Concat(out, bound))
}

// open decrypts an envelope of this key. It returns false if the envelope does not open.
func (k key) open(e envelope, bound []byte) (plain []byte, ok bool) {
	if e.header[0] == version1 {
		plain, err := k.v1.Open(nil, nil, e.content, bound)
		return plain, err == nil
	}
	padded, err := k.v2.Open(nil, nil, e.content, slices.Concat(e.header, bound))
	if err != nil {
		return nil, false
	}
	return bytes.CutSuffix(bytes.TrimRight(padded, "\x00"), []byte{padMark})
}

// pad appends a mark and zeros, up to a multiple of blockSize. So the length of an envelope does not show the length
// of a password (ISO/IEC 7816-4).
func pad(plain []byte) []byte {
	padded := make([]byte, (len(plain)/blockSize+1)*blockSize)
	copy(padded, plain)
	padded[len(plain)] = padMark
	return padded
}

// KeyID returns the id of the key that encrypted an envelope, in the form of the key ring file. It returns false
// if sealed is not an envelope.
func KeyID(sealed []byte) (string, bool) {
	e, ok := splitEnvelope(sealed)
	if !ok {
		return "", false
	}
	return hex.EncodeToString([]byte(e.keyID())), true
}

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
	block := must(aes.NewCipher(derived))            // the only error is about the size of the key
	return must(cipher.NewGCMWithRandomNonce(block)) // the only error is about ciphers other than AES
}

func (k key) hexID() string { return hex.EncodeToString([]byte(k.id)) }

func deriveBytes(master [KeySize]byte, purpose string, size int) []byte {
	return must(hkdf.Key(sha256.New, master[:], nil, purpose, size)) // the only errors are about sizes
}

func must[T any](made T, err error) T {
	if err != nil {
		panic("keyring: " + err.Error())
	}
	return made
}
