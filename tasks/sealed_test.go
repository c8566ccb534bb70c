package tasks_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
)

// TestWhatAnEarlierVersionSealed tests the format of sealed accounts. Without a new password, the format is that
// of earlier versions. Accounts from earlier versions open, and other bytes are not an account.
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
