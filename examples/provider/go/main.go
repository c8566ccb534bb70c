// Service is a service that keyseat's HTTP connector calls. Replace carryOut.
//
//	(umask 077; openssl rand -hex 32 > token)
//	go run ./examples/provider/go
//
// The variables TOKEN_FILE, ANSWERS and PORT change the token's file, the folder of answers and the port.
package main

import (
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// A task is the body of a request.
type task struct {
	Kind, Country string
	Plan          struct{ ID, Address, Invite string }
	Account       struct {
		Login, Password string
		NewEmail        string `json:"new_email"`
		NewPassword     string `json:"new_password"`
	}
}

// An answer has the fields outcome, username and verify_address.
type answer map[string]string

// carryOut does the work at the provider. The second argument reports whether an earlier call may have done the work.
// If it is true, check that first. Return an error if the result is not certain.
func carryOut(t task, _ bool) (answer, error) { //nolint:unparam // your work may fail
	switch local, _, _ := strings.Cut(t.Account.Login, "@"); {
	case local == "success" && t.Kind == "upgrade":
		return answer{"outcome": local, "username": "member of " + t.Plan.ID}, nil
	case local == "success" || local == "account_locked":
		return answer{"outcome": local}, nil
	}
	return answer{"outcome": "invalid_credentials"}, nil
}

var folder = cmp.Or(os.Getenv("ANSWERS"), "answers") // has a file with the answer for each Idempotency-Key; the files contain no secret

// work returns the answer to a request. For each key, only one call of work runs at a time.
func work(key string, t task) ([]byte, error) {
	path, started := filepath.Join(folder, key+".json"), filepath.Join(folder, key+".started")
	if text, err := os.ReadFile(path); !errors.Is(err, fs.ErrNotExist) {
		return text, err
	}
	_, unknown := os.Stat(started)
	if err := save(started, nil); err != nil {
		return nil, err
	}
	a, err := carryOut(t, unknown == nil)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(a)
	return text, errors.Join(err, save(path, text))
}

// save writes a file. When it returns nil, the file is complete and on the disk.
func save(path string, text []byte) error {
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// jobs has the work in progress, by key.
var jobs sync.Map

var validKey = regexp.MustCompile(`^[A-Za-z0-9-]{1,100}$`)

func handle(w http.ResponseWriter, r *http.Request) {
	key, t := r.Header.Get("Idempotency-Key"), task{}
	err := json.NewDecoder(r.Body).Decode(&t)
	if err != nil || r.URL.Path != "/"+t.Kind || t.Account.Login == "" || !validKey.MatchString(key) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	job, _ := jobs.LoadOrStore(key, sync.OnceValues(func() ([]byte, error) {
		defer jobs.Delete(key)
		return work(key, t)
	}))
	done := make(chan struct{})
	var text []byte
	go func() { text, err = job.(func() ([]byte, error))(); close(done) }()
	w.Header().Set("Retry-After", "1")
	select {
	case <-time.After(5 * time.Second):
		w.WriteHeader(http.StatusAccepted) // the work continues, and keyseat repeats the request
	case <-done:
		if err != nil {
			log.Printf("%s: the result is not certain", key) // without err, because its text may contain a secret
			w.WriteHeader(http.StatusServiceUnavailable)     // keyseat repeats the request
			return
		}
		_, _ = w.Write(text)
	}
}

func main() {
	token, err := os.ReadFile(cmp.Or(os.Getenv("TOKEN_FILE"), "token"))
	if err = errors.Join(err, os.MkdirAll(folder, 0o700)); err != nil {
		log.Fatal(err)
	}
	want := []byte("Bearer " + strings.TrimSpace(string(token)))
	http.HandleFunc("POST /", func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		handle(w, r)
	})
	address := "127.0.0.1:" + cmp.Or(os.Getenv("PORT"), "9090")
	fmt.Println("listening on", address)
	server := http.Server{Addr: address, ReadTimeout: 10 * time.Second}
	log.Fatal(server.ListenAndServe())
}
