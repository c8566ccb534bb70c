package csvfile_test

import (
	"strings"
	"testing"
	"time"

	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/archive"
)

func TestArchive(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	var ended, lines strings.Builder
	a, err := csvfile.NewArchive(&ended, &lines)
	if err != nil {
		t.Fatal(err)
	}
	for _, past := range []archive.Rows{{}, {
		Tasks: []tasks.Task{{
			ID: "T", Code: "=K", Kind: tasks.Upgrade, Country: "US", Version: 3, Fence: 2, Ordinal: 1, Faulty: []string{"elm", "oak"}, Slot: stock.Free,
			Plan: tasks.PlanSnapshot{ID: "ash", Address: "1 High Street,\nLondon", Invite: "link"}, Attempts: 4, CountedAttempts: 3, LostLeases: 1, InDoubt: true,
			FirstAttempt: at, CreatedAt: at, DueAt: at, EndedAt: at, Outcome: tasks.SystemError, Sealed: []byte("secret"),
		}},
		Lines: []tasks.HistoryEntry{{Seq: 9, Change: "C", N: 1, Event: tasks.Event{
			At: at, Type: tasks.EventEnded, Code: "=K", Task: "T", Kind: tasks.Upgrade, Outcome: tasks.SystemError,
			Plan: "ash", From: stock.Held, To: stock.Free, Note: `a "note"`,
		}}},
	}} {
		if err := a.Write(past); err != nil {
			t.Fatal(err)
		}
	}
	const when = "2026-01-02T03:04:05.000006Z"
	wantEnded := "code,id,kind,country,version,fence,plan,plan_address,plan_invite,ordinal,slot,faulty,asked,tries,lost,doubt,first_asked,created,due,ended,outcome\n" +
		"=K,T,upgrade,US,3,2,ash,\"1 High Street,\nLondon\",link,1,free,elm oak,4,3,1,1," + when + "," + when + "," + when + "," + when + ",system_error\n"
	wantLines := "code,change,n,at,cause,task,kind,outcome,plan,from,to,note\n" +
		"=K,C,1," + when + `,ended,T,upgrade,system_error,ash,held,free,"a ""note"""` + "\n"
	if ended.String() != wantEnded || lines.String() != wantLines {
		t.Errorf("got\n%s\n%s", ended.String(), lines.String())
	}
}
