package webhooks

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/keyseat/keyseat/tasks"
)

// The minimum and maximum length of a secret, in bytes.
const (
	minSecret = 24
	maxSecret = 64
)

const secretPrefix = "whsec_"

var errSecret = errors.New("a secret must be whsec_ followed by the base64 of 24 to 64 random bytes")

// checkSecret returns an error if s is not a valid secret. The error never quotes s.
func checkSecret(s string) error {
	encoded, prefixed := strings.CutPrefix(s, secretPrefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !prefixed || err != nil || len(key) < minSecret || len(key) > maxSecret {
		return errSecret
	}
	return nil
}

// sign sets the headers of one attempt. It adds one signature for each secret, so that a receiver can
// change from the old secret to the new one at any time.
func sign(h http.Header, id string, at time.Time, body []byte, secrets []tasks.Secret) error {
	var signatures []string
	for _, secret := range secrets {
		hook, err := standard.NewWebhook(secret.Reveal())
		if err != nil {
			return errSecret
		}
		signature, err := hook.Sign(id, at, body)
		if err != nil {
			return errSecret
		}
		signatures = append(signatures, signature)
	}
	h.Set(standard.HeaderWebhookID, id)
	h.Set(standard.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	h.Set(standard.HeaderWebhookSignature, strings.Join(signatures, " "))
	return nil
}
