package jsoncodec_test

import (
	"testing"

	"github.com/keyseat/keyseat/internal/jsoncodec"
)

func TestMarshal(t *testing.T) {
	got, err := jsoncodec.Marshal(map[string]string{"a": "<b> & c"})
	if err != nil || string(got) != `{"a":"<b> & c"}` {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := jsoncodec.Marshal(func() {}); err == nil {
		t.Error("a function was encoded")
	}
}
