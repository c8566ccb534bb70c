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

// An entry is a line of the ledger. An entry without an answer means that the order was started. An entry with an answer
// means that the order has ended.
type entry struct {
	Key    string    `json:"key"`
	Info   orderInfo `json:"about"`
	Answer *answer   `json:"answer,omitempty"`
}

// A ledger is an append-only file of entries. Any number of goroutines may use it, but only one process.
type ledger struct {
	mu      sync.Mutex
	file    *os.File
	entries map[string]entry // the last entry of each key
	failed  error            // the error of a failed write; if set, the ledger writes nothing more
}

// openLedger reads the existing entries. It cuts off an incomplete last line that a crash has left. The service has not
// acted on that line, because write had not returned.
func openLedger(path string) (*ledger, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	l := &ledger{file: file, entries: map[string]entry{}}
	length, err := l.load()
	if err == nil {
		err = file.Truncate(length)
	}
	if err == nil {
		_, err = file.Seek(length, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the ledger %s: %w", path, err), file.Close())
	}
	return l, nil
}

// load reads the complete lines and returns their length in bytes.
func (l *ledger) load() (length int64, err error) {
	lines := bufio.NewReader(l.file)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return length, nil
		}
		var e entry
		if err == nil {
			err = json.Unmarshal(bytes.TrimSpace(line), &e)
		}
		if err != nil {
			return length, err
		}
		length += int64(len(line))
		l.entries[e.Key] = e
	}
}

// find returns the last entry of a key, and whether the key has one.
func (l *ledger) find(key string) (entry, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, found := l.entries[key]
	return e, found
}

// write appends an entry, and returns after the entry is on the disk. After a failure it writes nothing more, because the
// file may end with half a line.
func (l *ledger) write(e entry) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if l.failed == nil {
		_, err = l.file.Write(append(line, '\n'))
		l.failed = errors.Join(err, l.file.Sync())
	}
	if l.failed == nil {
		l.entries[e.Key] = e
	}
	return l.failed
}

func (l *ledger) Close() error { return l.file.Close() }

// An orderInfo is the part of an order that the ledger stores. It contains no secret.
type orderInfo struct {
	Task    string `json:"task_id"`
	Kind    string `json:"kind"`    // upgrade or renew
	Country string `json:"country"` // may be empty for a renew
	Plan    plan   `json:"plan"`    // only of an upgrade
}

type plan struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	Invite  string `json:"invite"`
}

// An answer is the result of an order. `go doc ./tasks Outcome` lists the outcomes and their effects.
type answer struct {
	Outcome       string `json:"outcome"`
	Username      string `json:"username,omitempty"`       // never the login, because keyseat shows the username to the holder of the key
	VerifyAddress string `json:"verify_address,omitempty"` // "" means the address of the plan
}
