package csvfile

import (
	"encoding/csv"
	"io"
	"iter"
	"strconv"
	"time"

	"github.com/keyseat/keyseat/keys"
)

// WriteKeys writes keys with all their columns, so that [Reader.Keys] reads them back unchanged and
// they are written again to the same bytes. A key with an open task is written as an active one,
// with its use, because a file cannot hold the task. It ends with the first error of the sequence or
// of w.
//
// With spreadsheet the file is safe to open in one instead: cells that it would take for formulas,
// numbers or dates begin with an apostrophe. An empty last column marks such a file, and
// [Reader.Keys] refuses it.
func WriteKeys(w io.Writer, all iter.Seq2[keys.Key, error], spreadsheet bool) error {
	out := csv.NewWriter(w)
	header := KeyColumns()
	if spreadsheet {
		header = append(header, copyColumn)
	}
	if err := out.Write(header); err != nil {
		return err
	}
	for key, err := range all {
		if err != nil {
			return err
		}
		cells := keyCells(key)
		if spreadsheet {
			cells = guard(cells)
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// keyCells are a key's cells in the order of the columns.
func keyCells(k keys.Key) []string {
	status := k.Status
	if status == keys.InQueue {
		status = keys.Active
	}
	return []string{
		string(k.Code), stamp(k.PurchaseDate), k.OrderID, bit(k.Used), stamp(k.UsedDate), k.Invite, k.Address,
		k.Username, k.VerifyAddress, string(status), k.Message, bit(k.Revoked),
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func bit(b bool) string { return strconv.Itoa(digit(b)) }

// guard makes the cells that a spreadsheet would change text to it, and adds the cell of the last column.
func guard(cells []string) []string {
	for i, c := range cells {
		if guarded(c) {
			cells[i] = "'" + c
		}
	}
	return append(cells, "")
}
