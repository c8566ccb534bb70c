package keys

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// A FingerprintKey is a random secret that makes fingerprints of codes. All daemons of a database use the same one.
//
// Fingerprints need a key because imported codes may be short. Without one, anybody who reads a log could hash all
// codes of eight digits within seconds, and so find the code of a fingerprint.
type FingerprintKey [32]byte

// Fingerprint returns a short keyed hash of the code for logs and messages: 16 hexadecimal digits, from 64 bits of
// HMAC-SHA-256. It identifies the key but does not reveal the code. The zero FingerprintKey is not secret, so its
// fingerprints are "".
func (k FingerprintKey) Fingerprint(c Code) string {
	if k == (FingerprintKey{}) {
		return ""
	}
	hash := hmac.New(sha256.New, k[:])
	hash.Write([]byte(c)) // never fails
	return hex.EncodeToString(hash.Sum(nil)[:8])
}
