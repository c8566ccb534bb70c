package connectortest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/keyseat/keyseat/tasks"
)

// FindLeak finds a secret of the account in what a connector said or logged, raw or encoded as it might
// be on its way (JSON, URL, hexadecimal, base64 at any offset). It names the secret, or gives "".
func FindLeak(text string, a tasks.Account) string {
	for _, s := range []struct {
		name   string
		secret tasks.Secret
	}{{"login", a.Login}, {"password", a.Password}, {"new email", a.NewEmail}, {"new password", a.NewPassword}} {
		for _, spelling := range spellings(s.secret.Reveal()) {
			if strings.Contains(text, spelling) {
				return s.name
			}
		}
	}
	return ""
}

func spellings(secret string) []string {
	if secret == "" {
		return nil
	}
	all := []string{
		secret, quoted(secret, true), quoted(secret, false), url.QueryEscape(secret), url.PathEscape(secret),
		hex.EncodeToString([]byte(secret)),
	}
	for offset := range 3 { // the first and last characters of base64 depend on what stands around
		code := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", offset) + secret))
		if code = strings.TrimRight(code, "="); len(code) > 12 {
			all = append(all, code[4:len(code)-2])
		}
	}
	return all
}

// quoted is the secret as it stands in JSON, which escapes for HTML or does not.
func quoted(secret string, html bool) string {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(html)
	_ = e.Encode(secret) // a string always can be
	text := strings.TrimSuffix(out.String(), "\n")
	return text[1 : len(text)-1]
}
