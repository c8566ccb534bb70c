package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
)

// A request is an HTTP request, and a text that its response must contain.
type request struct{ raw, want []byte }

// A generator overwrites r with the next request. It returns false if no request is left. A generator belongs to one
// connection.
type generator func(r *request) bool

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
		return func(r *request) bool {
			i := rand.IntN(keys)
			r.raw = appendCode(append(r.raw[:0], "GET /API/?info="...), i)
			r.raw = append(r.raw, " HTTP/1.1\r\nHost: bench\r\n\r\n"...)
			r.want = append(appendCode(append(r.want[:0], `"username":"u-`...), i), '"')
			return true
		}
	}
}

const upgradeForm = "&login=someone%40example.com&pwd=a-secret-password-1&country=US"

// upgradeRequests requests an upgrade of each key in turn. All connections share the sequence.
func upgradeRequests(keys int) func() generator {
	var next atomic.Int64
	length := len("upgrade=") + len(codeOf(0)) + len(upgradeForm)
	head := "POST /API/ HTTP/1.1\r\nHost: bench\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: " +
		strconv.Itoa(length) + "\r\n\r\nupgrade="
	return func() generator {
		return func(r *request) bool {
			i := int(next.Add(1)) - 1
			r.raw = append(appendCode(append(r.raw[:0], head...), i), upgradeForm...)
			r.want = append(r.want[:0], `{"status":"success","message":"Upgrade request sent successfully`...)
			return i < keys
		}
	}
}

// stockRequests requests the stock. The response must contain the last country.
func stockRequests() func() generator {
	return func() generator {
		return func(r *request) bool {
			r.raw = append(r.raw[:0], "GET /API/?stock HTTP/1.1\r\nHost: bench\r\n\r\n"...)
			r.want = append(r.want[:0], `"country_code":"ZW"`...)
			return true
		}
	}
}

// anyStockRequests requests the stock and accepts any stock.
func anyStockRequests() func() generator {
	return func() generator {
		return func(r *request) bool {
			r.raw = append(r.raw[:0], "GET /API/?stock HTTP/1.1\r\nHost: bench\r\n\r\n"...)
			r.want = append(r.want[:0], '[')
			return true
		}
	}
}

// anyInfoRequests requests info of random keys and accepts any status.
func anyInfoRequests(keys int) func() generator {
	generators := infoRequests(keys)
	return func() generator {
		next := generators()
		return func(r *request) bool {
			more := next(r)
			r.want = append(r.want[:0], `"purchase_date":"`...)
			return more
		}
	}
}

// startsPerRound is the number of measured starts per round.
const startsPerRound = 5
