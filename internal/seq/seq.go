// Package seq converts slices to the sequences that a store imports.
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
