package keyring

import "encoding/hex"

const (
	version    = 1
	headerSize = 1 + idSize
	overhead   = 12 + 16 // nonce and tag
)

// header returns the header of an envelope, with capacity for the rest. size is the length of the content.
func header(k key, size int) []byte {
	out := make([]byte, 0, headerSize+size+overhead)
	return append(append(out, version), k.id...)
}

func split(sealed []byte) (id string, content []byte, ok bool) {
	if len(sealed) < headerSize+overhead || sealed[0] != version {
		return "", nil, false
	}
	return string(sealed[1:headerSize]), sealed[headerSize:], true
}

// KeyID returns the id of the key that encrypted an envelope, in the form of the key ring file. It returns false
// if sealed is not an envelope.
func KeyID(sealed []byte) (string, bool) {
	id, _, ok := split(sealed)
	return hex.EncodeToString([]byte(id)), ok
}
