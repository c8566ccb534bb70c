package connectortest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/keyseat/keyseat/tasks"
)

// FindLeak searches text, such as a log or a result, for a secret of the account. It finds secrets in plain, in
// JSON, in URLs, in hexadecimal, and in base64 at any offset. It returns the name of the secret, such as
// "password", or "".
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
	for offset := range 3 { // the first and last characters of base64 depend on the neighboring bytes
		code := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", offset) + secret))
		if code = strings.TrimRight(code, "="); len(code) > 12 {
			all = append(all, code[4:len(code)-2])
		}
	}
	return all
}

// quoted returns the secret as the inside of a JSON string. html selects whether <, > and & are escaped.
func quoted(secret string, html bool) string {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(html)
	_ = e.Encode(secret) // a string can always be encoded
	text := strings.TrimSuffix(out.String(), "\n")
	return text[1 : len(text)-1]
}
