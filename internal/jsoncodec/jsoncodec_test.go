package jsoncodec_test

import (
	"encoding/json"
	"errors"
	"strings"
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

func TestDecodeObject(t *testing.T) {
	stop := errors.New("stop")
	for text, want := range map[string]error{
		`{}`: nil, ` {"a":1,"b":{"c":[]}} `: nil,
		``: jsoncodec.ErrObject, `[]`: jsoncodec.ErrObject, `{"a":1`: jsoncodec.ErrObject, `{"a":1,}`: jsoncodec.ErrObject,
		`{1:1}`: jsoncodec.ErrObject, `{} {}`: jsoncodec.ErrObject, `{}x`: jsoncodec.ErrObject,
		`{"a":1,"stop":1`: stop,
	} {
		in := json.NewDecoder(strings.NewReader(text))
		err := jsoncodec.DecodeObject(in, func(name string) error {
			if name == "stop" {
				return stop
			}
			return in.Decode(new(json.RawMessage))
		})
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
}
