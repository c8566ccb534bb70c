package attacks_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// TestOtherTokensAreHarmless sends the Idempotency-Key of a shop's order with the token of another shop, which gets
// other codes. Then it sends an expired token and unknown tokens. The shop's token works nevertheless, also from the
// address that sent the unknown tokens.
func TestOtherTokensAreHarmless(t *testing.T) {
	t.Parallel()
	s := harness.NewSQLiteShop(t)
	o, file := s.ServeAdmin("--trusted-proxies", "127.0.0.1")
	other := *o
	other.Token = s.AddToken(file, "other", "write")
	var mine, theirs struct{ Codes []string }
	o.Decode(o.Call("POST", "/keys", `{"count":1,"order_id":"o-1"}`, "Idempotency-Key", "order-1001"), 201, &mine)
	other.Decode(other.Call("POST", "/keys", `{"count":1,"order_id":"o-1"}`, "Idempotency-Key", "order-1001"), 201, &theirs)
	if mine.Codes[0] == theirs.Codes[0] {
		t.Error("another token got the codes of the order")
	}
	renewed := *o
	renewed.Token = strings.TrimSpace(s.MustExec("admin-token", "add", file, "--name", "webshop", "--role", "write", "--renew"))
	if a := renewed.Call("POST", "/keys", `{"count":1,"order_id":"o-1"}`, "Idempotency-Key", "order-1001"); !strings.Contains(a.Body, mine.Codes[0]) {
		t.Errorf("with the renewed token: %s", a.Body)
	}
	addExpired(t, file, "expired-token-000000")
	other.Token = "expired-token-000000"
	other.ExpectProblem(other.Call("GET", "/stock", ""), 401, "unauthorized")
	const guesser, neighbour = "198.51.100.1", "198.51.100.2"
	codes := map[int]int{}
	for i := range 40 {
		other.Token = fmt.Sprint("wrong-token-", i)
		codes[other.Call("GET", "/stock", "", "X-Forwarded-For", guesser).Code]++
	}
	if codes[401] != 10 || codes[429] != 30 {
		t.Errorf("unknown tokens: %v", codes)
	}
	for _, address := range []string{guesser, neighbour} {
		if a := o.Call("POST", "/keys/"+mine.Codes[0]+"/revoke", "", "X-Forwarded-For", address); a.Code != 200 {
			t.Errorf("the shop's token from %s: %d %s", address, a.Code, a.Body)
		}
	}
	o.Eventually("the audit log has the client's address", func() bool {
		lines, _ := o.Logs.Lines("admin")
		for _, l := range lines {
			if l["token"] == "webshop" && l["client"] == neighbour {
				return true
			}
		}
		return false
	})
}

// addExpired adds an expired token to the file.
func addExpired(t *testing.T, file, token string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err == nil {
		line := fmt.Sprintf("old write sha256:%x expires:2020-01-01T00:00:00Z\n", sha256.Sum256([]byte(token)))
		err = os.WriteFile(file, append(text, line...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
