package csvfile

import (
	"encoding/csv"
	"io"
	"iter"
	"strconv"
	"time"

	"github.com/keyseat/keyseat/keys"
)

// WriteKeys writes keys with all their columns. [Reader.Keys] reads the same keys from the file, and
// WriteKeys writes these keys to the same bytes again. A file cannot hold an open task: WriteKeys writes a
// key with an open task as active, and keeps whether it is used. WriteKeys stops at the first error of the
// sequence or of w.
//
// If spreadsheet is true, the file is safe to open in a spreadsheet instead. Cells that the spreadsheet
// would read as formulas, numbers or dates begin with an apostrophe. An empty last column marks such a
// file, and [Reader.Keys] rejects it.
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

// keyCells returns a key's cells in the order of the columns.
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

// guard adds an apostrophe to the cells that a spreadsheet would change, so that it reads them as text. It
// also appends the empty cell of the last column.
func guard(cells []string) []string {
	for i, c := range cells {
		if guarded(c) {
			cells[i] = "'" + c
		}
	}
	return append(cells, "")
}
