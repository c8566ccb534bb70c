package faults_test

import (
	"bufio"
	"encoding/json"
	"iter"
	"math"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/keyseat/keyseat/daemon/blackbox/harness"
)

// A journal is a file in which clients record their calls. Clients write one line before and one after each call. So
// the journal also has calls without an answer.
type journal struct {
	mu    sync.Mutex
	file  *os.File
	calls int64
	err   error // the first error of writing
}

// A journalEntry is a line of a journal. The line before a call has the request. The line after a call has the answer,
// or the error.
type journalEntry struct {
	N  int64 `json:"n"`  // the number of the call, which is in both of its lines
	At int64 `json:"at"` // the time of the line, in microseconds since 1970

	Call    string `json:"call,omitempty"` // upgrade, renew, info, stock
	Key     string `json:"key,omitempty"`
	Login   string `json:"login,omitempty"`
	Account string `json:"account,omitempty"` // the hash of the account
	Country string `json:"country,omitempty"`

	Code int    `json:"code,omitempty"`
	Body string `json:"body,omitempty"`
	Lost string `json:"lost,omitempty"`
}

func newJournal(path string) (*journal, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	return &journal{file: file}, err
}

// begin records a request and gives it a number.
func (w *journal) begin(n journalEntry) journalEntry {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	n.N = w.calls
	w.write(n)
	return n
}

// end records the answer or the error.
func (w *journal) end(n journalEntry, a harness.Response, err error) {
	done := journalEntry{N: n.N, Code: a.Code, Body: a.Body}
	if err != nil {
		done = journalEntry{N: n.N, Lost: err.Error()}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.write(done)
}

func (w *journal) write(n journalEntry) {
	n.At = time.Now().UnixMicro()
	line, err := json.Marshal(n)
	if err == nil {
		_, err = w.file.Write(append(line, '\n'))
	}
	if err != nil {
		w.err = err
	}
}

// close closes the file, and returns the first error of writing.
func (w *journal) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.file.Close(); w.err == nil {
		w.err = err
	}
	return w.err
}

// A requestRecord is a call with its answer.
type requestRecord struct {
	journalEntry       // the line before the call
	until        int64 // the time of the answer or the error; never: neither was recorded
	code         int   // 0: no answer
	body         string
}

const never = math.MaxInt64

// accepted reports whether the request was accepted.
func (e requestRecord) accepted() bool {
	return e.code == 200 && (e.Call == "upgrade" && e.body == harness.UpgradeSent || e.Call == "renew" && e.body == harness.RenewSent)
}

// unknown reports whether the client does not know the result of the request.
func (e requestRecord) unknown() bool { return e.code == 0 || e.code >= 500 }

// readJournal reads the calls in the order of their ends. Calls without an end come last.
func readJournal(path string) iter.Seq2[requestRecord, error] {
	return func(yield func(requestRecord, error) bool) {
		open := map[int64]requestRecord{}
		for n, err := range readEntries(path) {
			if err != nil {
				yield(requestRecord{}, err)
				return
			}
			if n.Call != "" {
				open[n.N] = requestRecord{journalEntry: n, until: never}
				continue
			}
			e := open[n.N]
			delete(open, n.N)
			e.until, e.code, e.body = n.At, n.Code, n.Body
			if !yield(e, nil) {
				return
			}
		}
		left := make([]requestRecord, 0, len(open))
		for _, e := range open {
			left = append(left, e)
		}
		slices.SortFunc(left, func(a, b requestRecord) int { return int(a.N - b.N) })
		for _, e := range left {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func readEntries(path string) iter.Seq2[journalEntry, error] {
	return func(yield func(journalEntry, error) bool) {
		file, err := os.Open(path)
		if err != nil {
			yield(journalEntry{}, err)
			return
		}
		defer func() { _ = file.Close() }() // the file was only read
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			var n journalEntry
			err := json.Unmarshal(lines.Bytes(), &n)
			if !yield(n, err) || err != nil {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(journalEntry{}, err)
		}
	}
}
