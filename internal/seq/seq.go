// Package seq makes sequences of rows that can end in an error.
package seq

import "iter"

// All returns the elements of a slice, without an error.
func All[T any](all []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, v := range all {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// Pages yields the rows of a list, which it reads in pages of the given size. The first page begins after the given
// cursor. The function read returns up to n rows after a cursor. The function cursor returns the cursor of a row. If
// read fails, the sequence yields the error and ends.
func Pages[T, C any](start C, size int, read func(after C, n int) ([]T, error), cursor func(T) C) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for after := start; ; {
			rows, err := read(after, size)
			if err != nil {
				yield(*new(T), err)
				return
			}
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
				after = cursor(row)
			}
			if len(rows) < size {
				return
			}
		}
	}
}

// Map yields the converted rows. If rows yields an error, the sequence yields the error and ends.
func Map[T, U any](rows iter.Seq2[T, error], convert func(T) U) iter.Seq2[U, error] {
	return func(yield func(U, error) bool) {
		for row, err := range rows {
			if err != nil {
				yield(*new(U), err)
				return
			}
			if !yield(convert(row), nil) {
				return
			}
		}
	}
}
