package keyring

import "encoding/hex"

const (
	version    = 1
	headerSize = 1 + idSize
	overhead   = 12 + 16 // nonce and tag
)

// header begins an envelope, with room for the rest.
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

// KeyID names the key that an envelope was sealed with, as its line in the file does. It is false for
// what is no envelope.
func KeyID(sealed []byte) (string, bool) {
	id, _, ok := split(sealed)
	return hex.EncodeToString([]byte(id)), ok
}
