package csvfile

import (
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/keyseat/keyseat/tasks"
	"github.com/keyseat/keyseat/tasks/archive"
)

// An Archive writes archived rows of a store as two CSV files: ended tasks, and lines of history. Each file
// has all columns, with the values as they were stored. An Archive is not safe for concurrent use.
type Archive struct{ tasks, lines *csv.Writer }

// The columns of an [Archive]. A task is identified by code and id, a line of history by code, change and
// n.
var (
	taskColumns = []string{
		"code", "id", "kind", "country", "version", "fence", "plan", "plan_address", "plan_invite", "ordinal", "slot", "faulty",
		"asked", "tries", "lost", "doubt", "first_asked", "created", "due", "ended", "outcome",
	}
	lineColumns = []string{"code", "change", "n", "at", "cause", "task", "kind", "outcome", "plan", "from", "to", "note"}
)

// NewArchive writes the headers of two CSV files: ended tasks, and lines of history.
func NewArchive(ended, lines io.Writer) (*Archive, error) {
	a := &Archive{csv.NewWriter(ended), csv.NewWriter(lines)}
	return a, errors.Join(a.tasks.Write(taskColumns), a.lines.Write(lineColumns))
}

// Write adds rows to both files. If it returns nil, the writers have received all of these rows.
func (a *Archive) Write(p archive.Rows) error {
	for _, t := range p.Tasks {
		if err := a.tasks.Write(taskCells(t)); err != nil {
			return err
		}
	}
	for _, l := range p.Lines {
		if err := a.lines.Write(lineCells(l)); err != nil {
			return err
		}
	}
	a.tasks.Flush()
	a.lines.Flush()
	return errors.Join(a.tasks.Error(), a.lines.Error())
}

// taskCells returns the cells of an ended task. They have no secret and no lease, because an ended task has
// neither.
func taskCells(t tasks.Task) []string {
	return []string{
		string(t.Code), t.ID, string(t.Kind), string(t.Country), strconv.FormatInt(t.Version, 10), strconv.FormatInt(t.Fence, 10),
		t.Plan.ID, t.Plan.Address, t.Plan.Invite, strconv.Itoa(t.Ordinal), string(t.Slot), strings.Join(t.Faulty, " "),
		strconv.Itoa(t.Attempts), strconv.Itoa(t.CountedAttempts), strconv.Itoa(t.LostLeases), bit(t.InDoubt),
		stamp(t.FirstAttempt), stamp(t.CreatedAt), stamp(t.DueAt), stamp(t.EndedAt), string(t.Outcome),
	}
}

func lineCells(l tasks.HistoryEntry) []string {
	return []string{
		string(l.Code), l.Change, strconv.Itoa(l.N), stamp(l.At), string(l.Type), l.Task, string(l.Kind), string(l.Outcome),
		l.Plan, string(l.From), string(l.To), l.Note,
	}
}
