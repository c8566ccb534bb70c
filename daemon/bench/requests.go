package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
)

// A request is a request, and a text that its response must contain.
type request struct{ raw, want []byte }

// An generator overwrites q with the next question. It returns false if no question is left. An asker belongs to
// one connection.
type generator func(q *request) bool

// codeOf returns the code of the i-th key.
func codeOf(i int) string { return fmt.Sprintf("K%09d", i) }

// appendCode appends the code of the i-th key, without an allocation for the code.
func appendCode(to []byte, i int) []byte {
	return append(append(to, 'K'), strconv.Itoa(1_000_000_000 + i)[1:]...)
}

// infoRequests requests info of random keys. A key's username contains its code, so that the check finds responses
// for another key.
func infoRequests(keys int) func() generator {
	return func() generator {
		return func(q *request) bool {
			i := rand.IntN(keys)
			q.raw = appendCode(append(q.raw[:0], "GET /API/?info="...), i)
			q.raw = append(q.raw, " HTTP/1.1\r\nHost: bench\r\n\r\n"...)
			q.want = append(appendCode(append(q.want[:0], `"username":"u-`...), i), '"')
			return true
		}
	}
}

const upgradeForm = "&login=someone%40example.com&pwd=a-secret-of-theirs-1&country=US"

// upgradeRequests requests an upgrade of each key in turn. All connections share the sequence.
func upgradeRequests(keys int) func() generator {
	var next atomic.Int64
	length := len("upgrade=") + len(codeOf(0)) + len(upgradeForm)
	head := "POST /API/ HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: " +
		strconv.Itoa(length) + "\r\n\r\nupgrade="
	return func() generator {
		return func(q *request) bool {
			i := int(next.Add(1)) - 1
			q.raw = append(appendCode(append(q.raw[:0], head...), i), upgradeForm...)
			q.want = append(q.want[:0], `{"status":"success","message":"Upgrade request sent successfully`...)
			return i < keys
		}
	}
}

// stockRequests requests the stock. The response must contain the last country.
func stockRequests() func() generator {
	return func() generator {
		return func(q *request) bool {
			q.raw = append(q.raw[:0], "GET /API/?stock HTTP/1.1\r\nHost: bench\r\n\r\n"...)
			q.want = append(q.want[:0], `"country_code":"ZW"`...)
			return true
		}
	}
}
