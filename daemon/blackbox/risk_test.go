package blackbox_test

import (
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// NotDurable is what the daemon and the doctor say of a setting.
const NotDurable = "the database is not durable"

// TestNotDurableSettingsAreReported holds that the daemon and the doctor warn of a server that may lose what it
// has confirmed, that neither refuses to work for that, and that they say nothing of one that does not.
func TestNotDurableSettingsAreReported(t *testing.T) {
	t.Parallel()
	for _, durable := range []bool{false, true} {
		s := NewPostgresShop(t, pgtest.Start(t, pgtest.Options{Durable: durable}).URL(t))
		d := s.Serve()
		r := s.Exec("doctor")
		for _, setting := range []string{"fsync", "full_page_writes"} {
			if logged := strings.Contains(d.Logs.String(), `"`+NotDurable+`","setting":"`+setting+`","value":"off"`); logged == durable {
				t.Errorf("durable %t: the daemon's log has %s: %t", durable, setting, logged)
			}
			if told := strings.Contains(r.Err, NotDurable+": "+setting+` is "off"`); told == durable || r.Code != 0 {
				t.Errorf("durable %t: the doctor, with status %d, tells %s: %t", durable, r.Code, setting, told)
			}
		}
		if durable && (strings.Contains(d.Logs.String(), NotDurable) || r.Err != "") {
			t.Errorf("more is told of a durable server: %s", r.Err)
		}
		d.Stop()
	}
}
