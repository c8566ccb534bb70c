package blackbox_test

import (
	"strings"
	"testing"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// notDurable is what the daemon and the doctor say of a setting.
const notDurable = "the database is not durable"

// TestWhatIsNotDurableIsTold holds that the daemon and the doctor warn of a server that may lose what it
// has confirmed, that neither refuses to work for that, and that they say nothing of one that does not.
func TestWhatIsNotDurableIsTold(t *testing.T) {
	t.Parallel()
	for _, durable := range []bool{false, true} {
		s := onPostgres(t, pgtest.Start(t, pgtest.Options{Durable: durable}).URL(t))
		d := s.serve()
		r := s.cli("doctor")
		for _, setting := range []string{"fsync", "full_page_writes"} {
			if logged := strings.Contains(d.log.String(), `"`+notDurable+`","setting":"`+setting+`","value":"off"`); logged == durable {
				t.Errorf("durable %t: the daemon's log has %s: %t", durable, setting, logged)
			}
			if told := strings.Contains(r.err, notDurable+": "+setting+` is "off"`); told == durable || r.code != 0 {
				t.Errorf("durable %t: the doctor, with status %d, tells %s: %t", durable, r.code, setting, told)
			}
		}
		if durable && (strings.Contains(d.log.String(), notDurable) || r.err != "") {
			t.Errorf("more is told of a durable server: %s", r.err)
		}
		d.stop()
	}
}
