package csvfile

import (
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/keyseat/keyseat/keys"
	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/activity"
	"github.com/keyseat/keyseat/tasks/archive"
)

// WriteKeys writes keys with all their columns. [Reader.Keys] reads the same keys from the file, and WriteKeys writes
// these keys to the same bytes again. A file cannot hold an open task: WriteKeys writes a key with an open task as
// active, and keeps whether it is used. WriteKeys stops at the first error of the sequence or of w.
//
// If spreadsheet is true, the file is safe to open in a spreadsheet instead. Cells that the spreadsheet
// would read as formulas, numbers or dates begin with an apostrophe. An empty last column marks such a
// file, and [Reader.Keys] rejects it.
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

func formatBool(b bool) string { return strconv.Itoa(digit(b)) }

// escapeCells adds an apostrophe to the cells that a spreadsheet would change, so that it reads them as text. It
// also appends the empty cell of the last column.
func escapeCells(cells []string) []string {
	for i, c := range cells {
		if needsEscape(c) {
			cells[i] = "'" + c
		}
	}
	return append(cells, "")
}

// WriteTasks writes a list of tasks that is safe to open in a spreadsheet, as [WriteKeys] does. It stops at the first
// error of the sequence or of w.
func WriteTasks(w io.Writer, all iter.Seq2[tasks.Task, error]) error {
	header := []string{"id", "code", "kind", "country", "outcome", "plan", "slot", "attempts", "created", "ended", copyColumn}
	return writeRows(w, header, all, func(t tasks.Task) []string {
		return escapeCells([]string{
			t.ID, string(t.Code), string(t.Kind), string(t.Country), string(t.Outcome), t.Plan.ID, string(t.Slot),
			strconv.Itoa(t.Attempts + t.LostLeases), formatTime(t.CreatedAt), formatTime(t.EndedAt),
		})
	})
}

// WriteActivity writes entries of the audit log, safe to open in a spreadsheet. It stops at the first error of the
// sequence or of w.
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

// Write adds rows to both files. If it returns nil, the writers have received all of these rows.
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

// taskCells returns the cells of an ended task. They have no secret and no lease, because an ended task has neither.
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

// The forms that a spreadsheet can give a code or an id: a rounded number, or a formula.
var (
	rounded = regexp.MustCompile(`(?i)^\d([.,]\d+)?E\+\d\d+$`)
	formula = regexp.MustCompile(`^=".*"$`)
)

// formulaDamage describes a cell that is a formula with which a spreadsheet displays a text.
const formulaDamage = `looks like a spreadsheet's formula (such as ="000124"): write the text alone`

// spreadsheetDamage describes how a spreadsheet has changed a code or an id. It returns "" if the cell is unchanged.
//
// exported reports that the file has the columns of an export without --spreadsheet. A spreadsheet that saves such a
// file adds no formulas and no apostrophes. A code can contain both, so spreadsheetDamage accepts them in such a file.
func spreadsheetDamage(cell string, exported bool) string {
	switch first := cell[0]; {
	case first >= '0' && first <= '9' && rounded.MatchString(cell):
		return "looks like a number that a spreadsheet has rounded (such as 1.23457E+15): take it from the original file, in a column of type text"
	case !exported && first == '=' && formula.MatchString(cell):
		return formulaDamage
	case !exported && first == '\'' && needsEscape(cell[1:]):
		return "begins with an apostrophe, as in a copy for spreadsheets: import a file that was exported without --spreadsheet"
	}
	return ""
}

// formulaPrefixes lists the characters with which a cell begins that spreadsheets read as a formula, or that they
// skip before they detect one.
const formulaPrefixes = "=+-@\t\r\n＝＋－＠"

// The cells that spreadsheets read as a number or a date, and the short numbers that spreadsheets keep unchanged.
var (
	numeric = regexp.MustCompile(`^[\d.,][\d.,:/ eE+-]*$`)
	short   = regexp.MustCompile(`^(0|[1-9]\d{0,10})$`)
)

// needsEscape reports whether a spreadsheet would change the cell. Such a cell is a formula, a number with
// leading zeros or many digits, or a date. In a copy for spreadsheets an apostrophe protects it.
func needsEscape(cell string) bool {
	return strings.IndexAny(cell, formulaPrefixes) == 0 || numeric.MatchString(cell) && !short.MatchString(cell)
}

// copyColumn is the last column of a copy for spreadsheets. Its cells are empty: the name alone marks the
// file as a copy, which must not be imported.
const copyColumn = "spreadsheet"
