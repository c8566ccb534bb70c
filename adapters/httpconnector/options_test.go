package httpconnector_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/httpconnector"
	"github.com/keyseat/keyseat/tasks"
)

func TestBase(t *testing.T) {
	for base, want := range map[string]error{
		"https://service.example:8443/v1/": nil,
		"http://localhost:8080":            nil,
		"http://service.example":           httpconnector.ErrPlaintext,
		"https://u:s3cret@service.example": httpconnector.ErrBaseParts,
		"https://s3cret%zz.example":        httpconnector.ErrBase,
	} {
		c, err := httpconnector.New(base, httpconnector.Options{})
		if !errors.Is(err, want) || (c == nil) != (want != nil) {
			t.Errorf("%s: %v, want %v", base, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v quotes a secret", err)
		}
	}
	if _, err := httpconnector.New("http://10.0.0.1", httpconnector.Options{Plaintext: true}); err != nil {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	for _, token := range []string{"s3cret\n", "a s3cret", "s3crét", "s3cret\x00"} {
		_, err := httpconnector.New("https://service.example", httpconnector.Options{Token: tasks.NewSecret(token)})
		if !errors.Is(err, httpconnector.ErrToken) || strings.Contains(err.Error(), "s3cr") {
			t.Errorf("%q: %v", token, err)
		}
	}
	if _, err := httpconnector.New("https://service.example", httpconnector.Options{Timeout: -1}); !errors.Is(err, httpconnector.ErrTimeout) {
		t.Error(err)
	}
}
