package terminal

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/keyseat/keyseat/internal/jsoncodec"
)

// A Format is the form in which a list is printed.
type Format string

// The formats.
const (
	Table Format = "table" // for people
	JSON  Format = "json"  // for programs: an array with one object per line
	CSV   Format = "csv"   // for programs: the columns of the table, with their names in lower case
)

// A Layout is the form of a table whose rows are values of type T.
//
// Header names the columns, separated by spaces. A name that ends in ~ marks a column that can be truncated. A
// name that ends in ? marks a column that can be hidden. Cells returns the cells of a row, one for each column.
type Layout[T any] struct {
	Header string
	Cells  func(T) []string
}

// PrintList prints values in a format. It prints them while it reads them.
func PrintList[T any](w io.Writer, f Format, l Layout[T], values iter.Seq2[T, error]) error {
	switch f {
	case JSON:
		return PrintArray(w, values)
	case CSV:
		return printCSV(w, l, values)
	case Table:
	}
	out := bufio.NewWriter(w)
	if err := printTable(out, Width(w), l, values); err != nil {
		return err
	}
	return out.Flush()
}

func printCSV[T any](w io.Writer, l Layout[T], values iter.Seq2[T, error]) error {
	out := csv.NewWriter(w)
	_ = out.Write(strings.Fields(strings.ToLower(strings.NewReplacer("~", "", "?", "").Replace(l.Header)))) // Flush reports an error
	for value, err := range values {
		if err != nil {
			return err
		}
		_ = out.Write(l.Cells(value))
	}
	out.Flush()
	return out.Error()
}

// PrintArray prints values as a JSON array with one value per line. It prints them while it reads them.
func PrintArray[T any](w io.Writer, values iter.Seq2[T, error]) error {
	out := bufio.NewWriter(w)
	before := "[\n"
	for value, err := range values {
		if err != nil {
			return err
		}
		text, err := jsoncodec.Marshal(value)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%s%s", before, text); err != nil {
			return err
		}
		before = ",\n"
	}
	end := "\n]\n"
	if before == "[\n" {
		end = "[]\n"
	}
	_, _ = out.WriteString(end) // Flush returns the error
	return out.Flush()
}

// PrintJSON prints a value as JSON on one line.
func PrintJSON(w io.Writer, value any) error {
	text, err := jsoncodec.Marshal(value)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}
