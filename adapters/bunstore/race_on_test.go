//go:build race

package bunstore_test

// racing divides the work of the largest tests, because SQLite in Go is thirty times slower under the
// race detector.
const racing = 10
