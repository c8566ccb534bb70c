package pgtest_test

import (
	"fmt"
	"testing"

	"github.com/keyseat/keyseat/adapters/pgtest"
)

// A test that needs a database calls URL. The package of such a test also has
// func TestMain(m *testing.M) { pgtest.Main(m) }.
func ExampleURL() {
	test := func(t *testing.T) {
		url := pgtest.URL(t) // an empty database, which is dropped when the test ends
		t.Log(url)
	}
	fmt.Printf("%T\n", test)
	// Output: func(*testing.T)
}
