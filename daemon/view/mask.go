package view

import (
	"encoding/base64"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// maskedEnd is the maximum number of characters that a masked code shows. The shown part is at most a quarter of the code.
const maskedEnd = 5

// Mask returns an ellipsis and the end of a code. Of a generated code, the end is the last group. A person that sees only
// the masked code cannot use the key. A masked code is not a valid code.
func Mask(code keys.Code) keys.Code {
	shown := min(maskedEnd, len(code)/4)
	return "…" + code[len(code)-shown:]
}

// Masked returns the key with masked codes.
func (k Key) Masked() Key {
	k.Code = Mask(k.Code)
	if k.Task != nil {
		k.Task = new(k.Task.Masked())
	}
	return k
}

// Masked returns the task with a masked code.
func (t Task) Masked() Task {
	t.Code = Mask(t.Code)
	return t
}

// NewMaskedKeyDetail converts a key as [NewKeyDetail] does, but masks its code, also in the commands of the explanation.
func NewMaskedKeyDetail(v tasks.Snapshot, history []tasks.Event) KeyDetail {
	key := NewKey(v).Masked()
	v.Key.Code = key.Code
	return KeyDetail{key, Explain(v, history), NewEvents(history)}
}

// referenceBound is the additional data with which references are sealed. Therefore [OpenCode] opens no other sealed text.
const referenceBound = "reference to a key"

// SealCode returns a reference to a key, for a link or a cursor. The reference does not reveal the code. Every daemon with
// the same master keys can open the reference.
func SealCode(s tasks.Sealer, code keys.Code) (string, error) {
	sealed, err := s.Seal([]byte(code), []byte(referenceBound))
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// OpenCode returns the code of a reference that [SealCode] made.
func OpenCode(s tasks.Sealer, reference string) (keys.Code, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(reference)
	if err != nil {
		return "", err
	}
	code, err := s.Open(sealed, []byte(referenceBound))
	return keys.Code(code), err
}
