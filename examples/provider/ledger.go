package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// An entry is a line of the ledger: that an order was begun, or, with an answer, how it has ended.
type entry struct {
	Key    string  `json:"key"`
	About  about   `json:"about"`
	Answer *answer `json:"answer,omitempty"`
}

// A ledger is a file of entries, which is only ever appended to. Any number of goroutines may use it,
// but no other process.
type ledger struct {
	mu      sync.Mutex
	file    *os.File
	entries map[string]entry // the last of each key
	broken  error            // why nothing can be written any more
}

// openLedger reads what is there. A line that a crash has torn off at the end was never relied on,
// and is cut away.
func openLedger(path string) (*ledger, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	l := &ledger{file: file, entries: map[string]entry{}}
	whole, err := l.load()
	if err == nil {
		err = file.Truncate(whole)
	}
	if err == nil {
		_, err = file.Seek(whole, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the ledger %s: %w", path, err), file.Close())
	}
	return l, nil
}

// load reads the whole lines, and says how many bytes they are.
func (l *ledger) load() (whole int64, err error) {
	lines := bufio.NewReader(l.file)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return whole, nil
		}
		var e entry
		if err == nil {
			err = json.Unmarshal(bytes.TrimSpace(line), &e)
		}
		if err != nil {
			return whole, err
		}
		whole += int64(len(line))
		l.entries[e.Key] = e
	}
}

// find gives the last entry of a key, and whether there is one.
func (l *ledger) find(key string) (entry, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, found := l.entries[key]
	return e, found
}

// write returns once the entry is on the disk. After a failure nothing more is written, because half
// a line may stand there.
func (l *ledger) write(e entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if l.broken == nil {
		_, err = l.file.Write(append(line, '\n'))
		l.broken = errors.Join(err, l.file.Sync())
	}
	if l.broken == nil {
		l.entries[e.Key] = e
	}
	return l.broken
}

// Close closes the file.
func (l *ledger) Close() error { return l.file.Close() }
