//go:build !race

package bunstore_test

const racing = 1
