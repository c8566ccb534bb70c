package sheet

import (
	"errors"
	"io"
	"iter"

	"github.com/keyseat/keyseat/keys"
)

// A Verdict is on one row of a file of keys.
type Verdict struct {
	Line  int // on which the row begins
	Key   keys.Key
	Fault error // nil: the row is a key; never a [LineError]
}

// Inspect is [Sheet.Keys] that goes on after a row at fault, and tells all of them. An error of the
// sequence is its last: the file cannot be read, or not any further.
func (s *Sheet) Inspect() iter.Seq2[Verdict, error] {
	return func(yield func(Verdict, error) bool) {
		r, err := s.begin(keyColumns, []string{"code"})
		for err == nil {
			v := Verdict{}
			if err = s.next(r); err == nil {
				v.Key, err = r.key(), r.err
			}
			v.Line = s.line
			if fault := (LineError{}); errors.As(err, &fault) && !errors.Is(err, ErrLong) {
				v.Key, v.Fault, err = keys.Key{}, fault.Err, nil
			}
			if err == nil && !yield(v, nil) {
				return
			}
		}
		if !errors.Is(err, io.EOF) {
			yield(Verdict{}, err)
		}
	}
}
