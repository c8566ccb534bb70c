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

// notes are what clients write down of their calls, in a file: a line before each, so that one whose
// answer never came is known, and a line after it.
type notes struct {
	mu    sync.Mutex
	file  *os.File
	calls int64
	fault error // of writing
}

// A note is a line of them. The line before a call says what is asked for, the one after it has the
// answer, or why there was none.
type note struct {
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

func newNotes(path string) (*notes, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	return &notes{file: file}, err
}

// before writes down what is about to be asked for, and numbers it.
func (w *notes) before(n note) note {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	n.N = w.calls
	w.write(n)
	return n
}

// after writes down what came of it.
func (w *notes) after(n note, a answer, err error) {
	done := note{N: n.N, Code: a.code, Body: a.body}
	if err != nil {
		done = note{N: n.N, Lost: err.Error()}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.write(done)
}

func (w *notes) write(n note) {
	n.At = time.Now().UnixMicro()
	line, err := json.Marshal(n)
	if err == nil {
		_, err = w.file.Write(append(line, '\n'))
	}
	if err != nil {
		w.fault = err
	}
}

// close ends the file, and says what was wrong with writing it.
func (w *notes) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.file.Close(); w.fault == nil {
		w.fault = err
	}
	return w.fault
}

// An exchange is a call and what came of it.
type exchange struct {
	note        // of before
	until int64 // when the answer came, or that there is none; for ever: neither was written down
	code  int   // 0: there was no answer
	body  string
}

const forEver = math.MaxInt64

// acked says that the request was accepted.
func (e exchange) acked() bool {
	return e.code == 200 && (e.Call == "upgrade" && e.body == upgradeSent || e.Call == "renew" && e.body == renewSent)
}

// unknown says that nobody knows what became of the request.
func (e exchange) unknown() bool { return e.code == 0 || e.code >= 500 }

// readNotes reads a file of notes, each call when it was answered, and at last those that never were.
func readNotes(path string) iter.Seq2[exchange, error] {
	return func(yield func(exchange, error) bool) {
		open := map[int64]exchange{}
		for n, err := range readLines(path) {
			if err != nil {
				yield(exchange{}, err)
				return
			}
			if n.Call != "" {
				open[n.N] = exchange{note: n, until: forEver}
				continue
			}
			e := open[n.N]
			delete(open, n.N)
			e.until, e.code, e.body = n.At, n.Code, n.Body
			if !yield(e, nil) {
				return
			}
		}
		left := make([]exchange, 0, len(open))
		for _, e := range open {
			left = append(left, e)
		}
		slices.SortFunc(left, func(a, b exchange) int { return int(a.N - b.N) })
		for _, e := range left {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func readLines(path string) iter.Seq2[note, error] {
	return func(yield func(note, error) bool) {
		file, err := os.Open(path)
		if err != nil {
			yield(note{}, err)
			return
		}
		defer func() { _ = file.Close() }() // it was only read
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			var n note
			err := json.Unmarshal(lines.Bytes(), &n)
			if !yield(n, err) || err != nil {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(note{}, err)
		}
	}
}
