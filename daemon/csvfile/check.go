package csvfile

import (
	"errors"
	"io"
	"iter"

	"github.com/keyseat/keyseat/keys"
)

// A RowResult is the result of checking one row of a file of keys.
type RowResult struct {
	Line  int // the line on which the row begins
	Key   keys.Key
	Fault error // nil: the row is a valid key; never a [LineError]
}

// Check reads keys as [Reader.Keys] does, but it continues after an invalid row, and returns the fault of
// each. An error of the sequence is its last element: the rest of the file cannot be read.
func (s *Reader) Check() iter.Seq2[RowResult, error] {
	return func(yield func(RowResult, error) bool) {
		r, err := s.begin(keyColumns, []string{"code"})
		for err == nil {
			v := RowResult{}
			if err = s.next(r); err == nil {
				v.Key, err = r.key(), r.err
			}
			v.Line = s.line
			if fault := (LineError{}); errors.As(err, &fault) && !errors.Is(err, ErrRowTooLong) {
				v.Key, v.Fault, err = keys.Key{}, fault.Err, nil
			}
			if err == nil && !yield(v, nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(RowResult{}, err)
		}
	}
}
