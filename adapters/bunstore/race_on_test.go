//go:build race

package bunstore_test

// racing is the divisor for the work of the largest tests, because SQLite in Go is thirty times slower with
// the race detector.
const racing = 10
