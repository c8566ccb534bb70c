package keys_test

import (
	"fmt"
	"time"

	"github.com/keyseat/keyseat/keys"
)

// A key is sold, used, and made usable again by a renew.
func Example() {
	code := keys.Generate([keys.EntropyBytes]byte{14: 1}) // a real program uses crypto/rand
	k := keys.Key{Code: code, Version: 1, Status: keys.Active}

	k = k.Enqueue("task-1")
	fmt.Println(k.Code, k.Status, k.Used)
	k = k.Upgrade(time.Now(), "ann", "1 High Street")
	fmt.Println(k.Code, k.Status, k.Used)
	k = k.Enqueue("task-2").Apply(keys.Renewed, "Key Renewed")
	fmt.Println(k.Code, k.Status, k.Used, k.Message)
	// Output:
	// 00000-00000-00000-00000-00012 in_queue false
	// 00000-00000-00000-00000-00012 success true
	// 00000-00000-00000-00000-00012 success_renew false Key Renewed
}

// ParseTyped converts a typed text into the canonical form of the code.
func ExampleParseTyped() {
	code, err := keys.ParseTyped(" 0000000000000000000000012\n")
	fmt.Println(code, code.Generated(), err)
	code, err = keys.ParseTyped("an old+code")
	fmt.Println(code, code.Generated(), err)
	// Output:
	// 00000-00000-00000-00000-00012 true <nil>
	// an+old+code false <nil>
}
