package tasks_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

const canary = "c4n4ry-hunter2"

type nested struct {
	Shown  tasks.Secret
	hidden tasks.Secret
	deep   *tasks.Account
	List   []tasks.Secret
	Map    map[string]tasks.Secret
	any    any
}

func nest() nested {
	s := tasks.NewSecret(canary)
	return nested{s, s, &tasks.Account{Login: s, Password: s, NewEmail: s, NewPassword: s}, []tasks.Secret{s}, map[string]tasks.Secret{"k": s}, s}
}

// bearers returns a secret, and values of all kinds that contain the secret.
func bearers() []any {
	s, n := tasks.NewSecret(canary), nest()
	account := tasks.Account{Login: s, Password: s, NewEmail: s, NewPassword: s}
	return []any{
		s, &s, n, &n,
		[]any{s, n},
		map[string]any{"s": s, "n": &n},
		account, &account, n.deep, *n.deep,
		tasks.Request{Account: account},
		tasks.ConnectorRequest{Account: account},
		struct{ s tasks.Secret }{s},
		struct{ s *tasks.Secret }{&s},
		[1]tasks.Secret{s},
		map[tasks.Secret]int{s: 1},
		fmt.Errorf("bad: %v", s), fmt.Errorf("bad: %+v", n),
		errors.Join(fmt.Errorf("%+v", account), fmt.Errorf("%#v", n)),
	}
}

// TestSecretIsNeverShown prints, logs and encodes secrets in every way that the standard library has.
func TestSecretIsNeverShown(t *testing.T) {
	var sink bytes.Buffer
	for _, b := range bearers() {
		for verb := ' '; verb <= '~'; verb++ {
			for _, flags := range []string{"", "+", "#", " ", "0", "-20", "20.5", "+#"} {
				fmt.Fprintf(&sink, "%"+flags+string(verb), b)
			}
		}
		fmt.Fprint(&sink, b)
		fmt.Fprintln(&sink, b)
		log.New(&sink, "", 0).Println(b)
		for _, h := range []slog.Handler{slog.NewTextHandler(&sink, nil), slog.NewJSONHandler(&sink, nil)} {
			slog.New(h).With("with", b).WithGroup("group").Info("message", "b", b)
		}
		_ = json.NewEncoder(&sink).Encode(b)
		_ = xml.NewEncoder(&sink).Encode(b)
		_ = gob.NewEncoder(&sink).Encode(b)
	}
	if at := strings.Index(sink.String(), "hunter2"); at >= 0 {
		t.Errorf("shown: %.200q", sink.String()[max(0, at-100):])
	}
	for _, encoded := range []string{"68756e746572", "68 75 6e", "0x68, 0x75", "[104 117", "aHVudGVy", "HUNTER2", "h u n t"} {
		if strings.Contains(sink.String(), encoded) {
			t.Errorf("shown as %s", encoded)
		}
	}
}

func TestSecretSaysThatItIsOne(t *testing.T) {
	s := tasks.NewSecret(canary)
	text, err := s.MarshalText()
	for how, got := range map[string]string{
		"%v": fmt.Sprintf("%v", s), "%s": fmt.Sprintf("%s", s), "%q": fmt.Sprintf("%q", s), "%x": fmt.Sprintf("%x", s),
		"%#v": fmt.Sprintf("%#v", s), "String": s.String(), "MarshalText": string(text),
	} {
		if got != "[secret]" {
			t.Errorf("%s shows %s", how, got)
		}
	}
	if err != nil {
		t.Error(err)
	}
	if s.Reveal() != canary || (tasks.Secret{}).Reveal() != "" {
		t.Error("the text is lost")
	}
}

// TestSecretsListsEveryField tests that [tasks.Account.Secrets] lists every field of an account.
func TestSecretsListsEveryField(t *testing.T) {
	var account tasks.Account
	fields := reflect.ValueOf(&account).Elem()
	for i := range fields.NumField() {
		fields.Field(i).Set(reflect.ValueOf(tasks.NewSecret(fields.Type().Field(i).Name)))
	}
	var got []string
	for _, s := range account.Secrets() {
		got = append(got, s.Reveal())
	}
	if want := []string{"Login", "Password", "NewEmail", "NewPassword"}; len(got) != fields.NumField() || !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// junk is a Sealer that opens everything without an error, but never returns an account.
type junk struct{ box }

func (junk) Open(_, _ []byte) ([]byte, error) { return []byte(canary), nil }

// TestOpens tests that a sealed account opens only for its own task, and that no error contains the account.
func TestOpens(t *testing.T) {
	s := open(t)
	s.key(keys.Key{Status: keys.Success, Used: true})
	if err := s.Accept(t.Context(), s.request(tasks.Renew)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*tasks.Task)
		sealer tasks.Sealer
		opens  bool
	}{
		{"its own", func(*tasks.Task) {}, box{}, true},
		{"another task's", func(k *tasks.Task) { k.ID = "other" }, box{}, false},
		{"another kind's", func(k *tasks.Task) { k.Kind = tasks.Upgrade }, box{}, false},
		{"another key's", func(k *tasks.Task) { k.Code = "OTHER" }, box{}, false},
		{"none", func(k *tasks.Task) { k.Sealed = nil }, box{}, false},
		{"no account", func(*tasks.Task) {}, junk{}, false},
	} {
		task := *s.view().Task
		c.change(&task)
		err := task.Opens(c.sealer)
		if (err == nil) != c.opens || err != nil && strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestWhatAnEarlierVersionSealed tests the format of sealed accounts. Accounts that earlier versions sealed must open.
// An account without a new password is sealed in the format of earlier versions. Other bytes must not open.
func TestWhatAnEarlierVersionSealed(t *testing.T) {
	s := open(t)
	s.key(keys.Key{Status: keys.Success, Used: true})
	if err := s.Accept(t.Context(), s.request(tasks.Renew)); err != nil {
		t.Fatal(err)
	}
	bound := []byte("id1\x00renew\x00K\x00\x00")
	before := fmt.Sprintf("3:ann,%d:%s,0:,", len(strongPassword), strongPassword)
	if got := scramble(bytes.TrimPrefix(s.view().Task.Sealed, bound)); string(got) != before {
		t.Errorf("sealed as %q, not %q", got, before)
	}
	job := s.lease()
	for content, opens := range map[string]bool{
		before: true, before + "3:new,": true, before + "0:,": true,
		before + "3:new,0:,": false, before + "x": false, "3:ann,": false, "3:ann,0:,": false, "": false,
	} {
		s.orders = nil
		task := *job.Task
		task.Sealed = append(bytes.Clone(bound), scramble([]byte(content))...)
		changed := job
		changed.Task = &task
		attempt := s.Call(t.Context(), changed)
		if (attempt.Result.Effect == tasks.Settled) != opens || len(s.orders) == 1 != opens {
			t.Errorf("%q: %+v, %d requests", content, attempt, len(s.orders))
		}
		if opens && s.orders[0].Account.Password.Reveal() != strongPassword {
			t.Errorf("%q: another password", content)
		}
	}
}
