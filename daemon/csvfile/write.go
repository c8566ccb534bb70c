package csvfile

import (
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/archive"
)

var keyColumns = []string{
	"code", "purchase_date", "order_id", "used", "used_date", "invite", "address",
	"username", "verify_address", "status", "message", "revoked",
}

// KeyColumns lists the columns of a file of keys, in the order in which [WriteKeys] writes them. Only code is required.
func KeyColumns() []string { return slices.Clone(keyColumns) }

// WriteKeys writes keys with all their columns. [Reader.Keys] reads the same keys from the file. If WriteKeys writes
// these keys again, the file has the same bytes. A file cannot hold an open task: WriteKeys writes a key with an open
// task as active, and does not change whether it is used. WriteKeys stops at the first error of the sequence or of w.
//
// If spreadsheet is true, the file is a copy that is safe to open in a spreadsheet. Cells that the spreadsheet would read
// as formulas, numbers or dates begin with an apostrophe. An empty last column marks a copy, and [Reader.Keys] rejects
// a file with this column.
func WriteKeys(w io.Writer, all iter.Seq2[keys.Key, error], spreadsheet bool) error {
	if !spreadsheet {
		return writeRows(w, KeyColumns(), all, keyCells)
	}
	return writeRows(w, append(KeyColumns(), copyColumn), all, func(k keys.Key) []string { return escapeCells(keyCells(k)) })
}

func writeRows[T any](w io.Writer, header []string, all iter.Seq2[T, error], cells func(T) []string) error {
	out := csv.NewWriter(w)
	_ = out.Write(header) // writes only to the buffer; Error returns the first error
	for value, err := range all {
		if err != nil {
			return err
		}
		if err := out.Write(cells(value)); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func keyCells(k keys.Key) []string {
	status := k.Status
	if status == keys.InQueue {
		status = keys.Active
	}
	return []string{
		string(k.Code), formatTime(k.PurchaseDate), k.OrderID, formatBool(k.Used), formatTime(k.UsedDate), k.Invite, k.Address,
		k.Username, k.VerifyAddress, string(status), k.Message, formatBool(k.Revoked),
	}
}

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func formatBool(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// WriteTasks writes tasks to a file that is safe to open in a spreadsheet, like a copy of [WriteKeys]. WriteTasks stops at
// the first error of the sequence or of w.
func WriteTasks(w io.Writer, all iter.Seq2[tasks.Task, error]) error {
	header := []string{"id", "code", "kind", "country", "outcome", "plan", "slot", "attempts", "created", "ended", copyColumn}
	return writeRows(w, header, all, func(t tasks.Task) []string {
		return escapeCells([]string{
			t.ID, string(t.Code), string(t.Kind), string(t.Country), string(t.Outcome), t.Plan.ID, string(t.Slot),
			strconv.Itoa(t.Attempts + t.LostLeases), formatTime(t.CreatedAt), formatTime(t.EndedAt),
		})
	})
}

// WriteActivity writes entries of the audit log to a file that is safe to open in a spreadsheet. WriteActivity stops at
// the first error of the sequence or of w.
func WriteActivity(w io.Writer, all iter.Seq2[activity.Entry, error]) error {
	header := []string{"at", "actor", "action", "count", "key", "task", "plan", "order_id", "address", "error", "id", copyColumn}
	return writeRows(w, header, all, func(e activity.Entry) []string {
		return escapeCells([]string{
			formatTime(e.At), e.Actor, string(e.Action), strconv.Itoa(e.Count), e.Key, e.Task, e.Plan, e.OrderID, e.Address, e.Error, e.ID,
		})
	})
}

// An Archive writes archived rows of a store as two CSV files: ended tasks, and history entries. Each file
// has all columns, with the values as they were stored. An Archive is not safe for concurrent use.
type Archive struct{ tasks, history *csv.Writer }

// The columns of an [Archive]. A task is identified by code and id, a history entry by code, change and n.
var (
	taskColumns = []string{
		"code", "id", "kind", "country", "version", "fence", "plan", "plan_address", "plan_invite", "ordinal", "slot", "faulty",
		"asked", "tries", "lost", "doubt", "first_asked", "created", "due", "ended", "outcome",
	}
	historyColumns = []string{"code", "change", "n", "at", "cause", "task", "kind", "outcome", "plan", "from", "to", "note"}
)

// NewArchive writes the headers of two CSV files: ended tasks, and history entries.
func NewArchive(tasksFile, historyFile io.Writer) (*Archive, error) {
	a := &Archive{csv.NewWriter(tasksFile), csv.NewWriter(historyFile)}
	return a, errors.Join(a.tasks.Write(taskColumns), a.history.Write(historyColumns))
}

// Write adds rows to both files. If it returns nil, all of these rows have been written to the writers of [NewArchive].
func (a *Archive) Write(p archive.Rows) error {
	for _, t := range p.Tasks {
		_ = a.tasks.Write(taskCells(t)) // Error returns the first error
	}
	for _, l := range p.Lines {
		_ = a.history.Write(historyCells(l)) // Error returns the first error
	}
	a.tasks.Flush()
	a.history.Flush()
	return errors.Join(a.tasks.Error(), a.history.Error())
}

// taskCells returns the cells of an ended task. No cell is for a secret or a lease, because an ended task has neither.
func taskCells(t tasks.Task) []string {
	return []string{
		string(t.Code), t.ID, string(t.Kind), string(t.Country), strconv.FormatInt(t.Version, 10), strconv.FormatInt(t.Fence, 10),
		t.Plan.ID, t.Plan.Address, t.Plan.Invite, strconv.Itoa(t.Ordinal), string(t.Slot), strings.Join(t.Faulty, " "),
		strconv.Itoa(t.Attempts), strconv.Itoa(t.CountedAttempts), strconv.Itoa(t.LostLeases), formatBool(t.InDoubt),
		formatTime(t.FirstAttempt), formatTime(t.CreatedAt), formatTime(t.DueAt), formatTime(t.EndedAt), string(t.Outcome),
	}
}

func historyCells(l tasks.HistoryEntry) []string {
	return []string{
		string(l.Code), l.Change, strconv.Itoa(l.N), formatTime(l.At), string(l.Type), l.Task, string(l.Kind), string(l.Outcome),
		l.Plan, string(l.From), string(l.To), l.Note,
	}
}
