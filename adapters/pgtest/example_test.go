package pgtest_test

import (
	"fmt"
	"testing"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// A test that needs a database asks for one; a package whose tests do also says
// func TestMain(m *testing.M) { pgtest.Main(m) }.
func ExampleURL() {
	test := func(t *testing.T) {
		url := pgtest.URL(t) // empty, and gone when the test ends
		t.Log(url)
	}
	fmt.Printf("%T\n", test)
	// Output: func(*testing.T)
}
