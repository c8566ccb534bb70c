package blackbox_test

import (
	"bufio"
	"encoding/json"
	"iter"
	"math"
	"os"
	"slices"
	"sync"
	"time"
)

// journal are what clients write down of their calls, in a file: a line before each, so that one whose
// answer never came is known, and a line after it.
type journal struct {
	mu    sync.Mutex
	file  *os.File
	calls int64
	err   error // of writing
}

// A journalEntry is a line of them. The line before a call says what is asked for, the one after it has the
// answer, or why there was none.
type journalEntry struct {
	N  int64 `json:"n"`  // of the call: both of its lines have it
	At int64 `json:"at"` // in microseconds since 1970

	Call    string `json:"call,omitempty"` // upgrade, renew, info, stock
	Key     string `json:"key,omitempty"`
	Login   string `json:"login,omitempty"`
	Account string `json:"account,omitempty"` // its hash
	Country string `json:"country,omitempty"`

	Code int    `json:"code,omitempty"`
	Body string `json:"body,omitempty"`
	Lost string `json:"lost,omitempty"`
}

func newJournal(path string) (*journal, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	return &journal{file: file}, err
}

// begin writes down what is about to be asked for, and numbers it.
func (w *journal) begin(n journalEntry) journalEntry {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	n.N = w.calls
	w.write(n)
	return n
}

// end writes down what came of it.
func (w *journal) end(n journalEntry, a Response, err error) {
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

// close ends the file, and says what was wrong with writing it.
func (w *journal) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.file.Close(); w.err == nil {
		w.err = err
	}
	return w.err
}

// An requestRecord is a call and what came of it.
type requestRecord struct {
	journalEntry       // of before
	until        int64 // when the answer came, or that there is none; for ever: neither was written down
	code         int   // 0: there was no answer
	body         string
}

const never = math.MaxInt64

// accepted says that the request was accepted.
func (e requestRecord) accepted() bool {
	return e.code == 200 && (e.Call == "upgrade" && e.body == UpgradeSent || e.Call == "renew" && e.body == RenewSent)
}

// unknown says that nobody knows what became of the request.
func (e requestRecord) unknown() bool { return e.code == 0 || e.code >= 500 }

// readJournal reads a file of notes, each call when it was answered, and at last those that never were.
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
		defer func() { _ = file.Close() }() // it was only read
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
