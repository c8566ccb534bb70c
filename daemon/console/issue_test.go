package console_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/memory"
	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/console"
	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks/adminstore"
)

// lostResponse is a store that stores the first import, but does not say so.
type lostResponse struct {
	*memory.Store
	calls int
}

func (s *lostResponse) ImportKeys(ctx context.Context, b adminstore.ImportBatch, all iter.Seq2[keys.Key, error]) error {
	err := s.Store.ImportKeys(ctx, b, all)
	if s.calls++; s.calls == 1 {
		return errors.New("the connection is lost")
	}
	return err
}

// TestOrderIsRepeated checks that an order whose response is lost can be repeated on the page with the error, and that the
// keys are issued once.
func TestOrderIsRepeated(t *testing.T) {
	s := newFixture(t, func(o *console.Options) {
		api := o.API.(*admin.API)
		api.AdminStore = &lostResponse{Store: api.AdminStore.(*memory.Store)}
	})
	cookie := s.signIn()
	question := s.send("/console/issue", cookie, values("form", s.formSecret(cookie), "count", "2", "order_id", "web-7", "note", "n"))
	failed := s.send("/console/issue", cookie, hiddenFields(question.Body.String()))
	s.expect(failed.Body.String(), []string{"repeat the request", "Issue 2 keys?", ">web-7<"}, []string{"Continue"})
	issued := s.send("/console/issue", cookie, hiddenFields(failed.Body.String()))
	s.expect(issued.Body.String(), []string{"2 keys issued"}, nil)
	if failed.Code != 503 || issued.Code != 200 {
		t.Errorf("%d %d", failed.Code, issued.Code)
	}
	if n := strings.Count(s.get(200, "/console/keys/export", cookie), "web-7"); n != 2 {
		t.Errorf("%d keys are issued", n)
	}
	invalid := hiddenFields(question.Body.String())
	invalid.Set("count", "0")
	s.expect(s.send("/console/issue", cookie, invalid).Body.String(), []string{"count must be 1 to 10000", "Continue"}, nil)
}
