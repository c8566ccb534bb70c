package connectortest

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"time"

	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// A Line is one line of the file that [Provider.RecordTo] writes: a received request, or an effect.
type Line struct {
	At      time.Time    `json:"at"`
	Request *RequestLine `json:"asked,omitempty"`
	Effect  *Effect      `json:"done,omitempty"`
}

// A RequestLine is the part of a request that the file keeps. Of the account it has a hash and the login. The
// words of the login define how the provider responds.
type RequestLine struct {
	Key     string        `json:"key"`
	Task    string        `json:"task"`
	Kind    tasks.Kind    `json:"kind"`
	Country stock.Country `json:"country"`
	Plan    string        `json:"plan,omitempty"` // its id
	Attempt int           `json:"attempt"`
	Login   string        `json:"login"`
	Account string        `json:"account"` // the result of [HashAccount]
	Body    string        `json:"body"`    // the SHA-256 of the request, in hexadecimal
}

func (q Request) line() *RequestLine {
	c := q.Content
	return &RequestLine{
		Key: q.Key(), Task: c.Task, Kind: c.Kind, Country: c.Country, Plan: c.Plan.ID, Attempt: c.Attempt,
		Login: c.Account.Login.Reveal(), Account: HashAccount(c.Account), Body: q.hash(),
	}
}

// HashAccount returns the SHA-256 of an account, in hexadecimal. It shows only whether two accounts
// are equal.
func HashAccount(a tasks.Account) string {
	sum := sha256.New()
	for _, secret := range a.Secrets() {
		sum.Write([]byte(secret.Reveal() + "\x00"))
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// ReadLedger reads a file that [Provider.RecordTo] has written, line by line. The iteration ends after the first error.
func ReadLedger(path string) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		file, err := os.Open(path)
		if err != nil {
			yield(Line{}, err)
			return
		}
		defer func() { _ = file.Close() }() // the file was only read
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			var l Line
			if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
				yield(Line{}, fmt.Errorf("the ledger %s: %w", path, err))
				return
			}
			if !yield(l, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Line{}, err)
		}
	}
}
