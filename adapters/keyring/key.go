package keyring

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/internal/safefile"
)

// readFile reads and parses a file that other users can neither read nor write. If the read fails, the returned
// [fs.FileInfo] is nil.
func readFile(path string) ([]line, fs.FileInfo, error) {
	text, info, err := safefile.Read(path, maxFile+1)
	if err != nil {
		return nil, nil, err
	}
	if err := safefile.CheckPrivate(path, info); err != nil {
		return nil, info, err
	}
	lines, err := parse(text)
	return lines, info, err
}

// wrapErr adds "key ring" and the path of the file to an error. It omits the path if the error has it already.
func wrapErr(path string, err error) error {
	var known *fs.PathError
	switch {
	case err == nil:
		return nil
	case path == "" || errors.As(err, &known):
		return fmt.Errorf("key ring: %w", err)
	}
	return fmt.Errorf("key ring %s: %w", path, err)
}

type line struct {
	text string
	key  *key // nil for a comment or an empty line
}

var errLine = errors.New("it is not a key's id, a space and 32 bytes in base64")

// maxFile is the maximum size of a file, in bytes: enough for a thousand keys.
const maxFile = 64 << 10

// parse parses the text of a file. An error has the number of the line, and quotes nothing of the text.
func parse(text []byte) ([]line, error) {
	if len(text) > maxFile {
		return nil, errors.New("it is too large for a key ring")
	}
	var lines []line
	for n, s := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		l, err := parseLine(s)
		if err == nil && l.key != nil && slices.ContainsFunc(lines, l.hasSameKey) {
			err = errors.New("the key is in the file twice")
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
		lines = append(lines, l)
	}
	if len(keysOf(lines)) == 0 {
		return nil, errors.New("there is no key in it")
	}
	return lines, nil
}

func parseLine(text string) (line, error) {
	fields := strings.Fields(text)
	if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
		return line{text: text}, nil
	}
	if len(fields) != 2 && len(fields) != 3 {
		return line{}, errLine
	}
	master, err := base64.StdEncoding.Strict().DecodeString(fields[1])
	if err != nil || len(master) != KeySize {
		return line{}, errLine
	}
	k := newKey([KeySize]byte(master))
	if !strings.EqualFold(fields[0], k.hexID()) {
		return line{}, errors.New("the id is not that of the key: one of them was changed")
	}
	if len(fields) == 3 {
		if k.created, err = time.Parse(time.RFC3339, fields[2]); err != nil {
			return line{}, errors.New("the third field is not the time at which the key was made")
		}
	}
	return line{text, &k}, nil
}

func (l line) hasSameKey(other line) bool { return other.key != nil && other.key.id == l.key.id }

func keysOf(lines []line) []key {
	var keys []key
	for _, l := range lines {
		if l.key != nil {
			keys = append(keys, *l.key)
		}
	}
	return keys
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

// The constants of an envelope. The package comment shows the layout.
const (
	version1   = 1
	version2   = 2 // of new envelopes
	headerSize = 1 + idSize
	overhead   = 12 + 16 // nonce and tag
	blockSize  = 128     // the size of padded content is a multiple of blockSize
	padMark    = 0x80    // the first byte after the content; zeros follow
)

// An envelope holds the parts of an encrypted text.
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

func (k key) seal(plain, bound []byte) []byte {
	padded := pad(plain)
	out := append(make([]byte, 0, headerSize+len(padded)+overhead), version2)
	out = append(out, k.id...)
	return k.v2.Seal(out, nil, padded, slices.Concat(out, bound))
}

// open decrypts an envelope of this key. It returns false if the envelope does not decrypt.
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

// pad appends a mark and zeros, up to a multiple of blockSize (the padding of ISO/IEC 7816-4).
func pad(plain []byte) []byte {
	padded := make([]byte, (len(plain)/blockSize+1)*blockSize)
	copy(padded, plain)
	padded[len(plain)] = padMark
	return padded
}

// KeyID returns the id of the key that encrypted an envelope, in hexadecimal. It returns false if sealed is not an
// envelope.
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

// A key is a master key that is ready for use. It does not keep the bytes of the master key.
type key struct {
	id      string      // the raw bytes, as an envelope has them
	v1, v2  cipher.AEAD // for envelopes of that version
	mac     []byte      // for keyed hashes
	created time.Time   // zero: unknown
}

func newKey(master [KeySize]byte) key {
	return key{
		id:  string(deriveBytes(master, "keyseat keyring id", idSize)),
		v1:  newAEAD(deriveBytes(master, "keyseat keyring seal v1", KeySize)),
		v2:  newAEAD(deriveBytes(master, "keyseat keyring seal v2", KeySize)),
		mac: deriveBytes(master, "keyseat keyring mac", KeySize),
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
