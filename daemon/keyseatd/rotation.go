package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/keyseat/keyseat/adapters/bunstore"
	"github.com/keyseat/keyseat/adapters/keyring"
	"github.com/keyseat/keyseat/daemon/faultinject"
	"github.com/keyseat/keyseat/internal/clock"
)

const (
	keyPoll       = 5 * time.Second   // how often a daemon checks its file of master keys
	rotationEvery = time.Minute       // how often a daemon records the key that it encrypts with, and reads the records of the other daemons
	sealingTTL    = 5 * rotationEvery // how long a record is valid; long enough to survive failures of the database
	stepTimeout   = 2 * rotationEvery // the timeout of the record and of a rotation, because a broken connection may never answer; shorter than sealingTTL
	rotationDelay = time.Hour         // the time from the start of a daemon to its first rotation, in which the other daemons record their files
)

// A keyRotation rotates the master keys of a daemon, and records which key the daemon encrypts with. It logs a problem
// that persists only once.
type keyRotation struct {
	store  *bunstore.Store
	ring   *keyring.Ring
	file   string
	place  string // HOST:PATH of the file, as it is recorded in the database
	period time.Duration
	log    *slog.Logger

	started  time.Time
	recorded string    // the id of the key that was recorded last
	at       time.Time // the time at which that key was recorded
	problem  string    // the message of the problem that was logged last
}

func (s *serveCmd) newKeyRotation(store *bunstore.Store, ring *keyring.Ring, log *slog.Logger) *keyRotation {
	file := s.masterKeyFile(store)
	place, err := filepath.Abs(file)
	if err != nil {
		place = file
	}
	host, _ := os.Hostname() // if the name is unknown, files with one path on several machines are taken for one file
	return &keyRotation{
		store: store, ring: ring, file: file, place: host + ":" + place, period: s.KeyPeriod, log: log, started: faultinject.Now(),
	}
}

// run calls step every minute until ctx ends. If the period is short, it calls step more often. It also calls step when
// the file has a new first key, which encrypts.
func (k *keyRotation) run(ctx context.Context) {
	every := rotationEvery
	if k.period > 0 {
		every = min(every, max(k.period/4, 100*time.Millisecond))
	}
	for clock.Sleep(ctx, min(keyPoll, every)) == nil {
		all, err := k.ring.Keys()
		if err != nil || all[0].ID != k.recorded || time.Since(k.at) >= every {
			k.step(ctx)
		}
	}
}

// step records the key that encrypts new secrets, and rotates the keys if a rotation is due.
func (k *keyRotation) step(ctx context.Context) {
	short, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	all, err := k.ring.Keys()
	if err == nil {
		err = k.store.RecordSealing(short, k.place, all[0].ID, sealingTTL)
	}
	if err != nil {
		k.report(ctx, "cannot record the master key in use", err.Error())
		return
	}
	k.recorded, k.at = all[0].ID, time.Now()
	var daemons []bunstore.Sealing
	if !k.store.Embedded() { // an SQLite file has one daemon at a time, so no other daemon is running
		daemons, err = k.store.Sealings(short)
	}
	if err != nil {
		k.report(ctx, "cannot read the master keys in use", err.Error())
		return
	}
	if problem := k.missing(all, daemons); problem != "" {
		k.report(ctx, "a daemon encrypts with a master key that this daemon lacks", problem)
		return
	}
	k.rotate(ctx, all, daemons)
}

// missing describes a key that another daemon encrypts with and that this daemon lacks. It returns "" if there is no such
// key.
func (*keyRotation) missing(all []keyring.KeyInfo, daemons []bunstore.Sealing) string {
	for _, d := range daemons {
		if d.Left > 0 && !slices.ContainsFunc(all, func(one keyring.KeyInfo) bool { return one.ID == d.KeyID }) {
			return "key " + d.KeyID + " of " + d.KeyFile
		}
	}
	return ""
}

// rotate adds or destroys keys, if that is due and if this daemon may do it.
func (k *keyRotation) rotate(ctx context.Context, all []keyring.KeyInfo, daemons []bunstore.Sealing) {
	r := keyring.Rotation{Now: faultinject.Now(), Period: k.period}
	if k.period == 0 || !r.IsDue(all[0]) && !r.HasRested(all) {
		return
	}
	if others := k.others(daemons); others != "" {
		k.report(ctx, "other daemons have files of master keys of their own: rotate by a timer, with `keyseatd master-key rotate`", others)
		return
	}
	if !k.store.Embedded() && r.Now.Sub(k.started) < min(rotationDelay, k.period) {
		return
	}
	short, cancel := context.WithTimeout(ctx, stepTimeout)
	defer cancel()
	done, err := rotateMasterKeys(short, k.store, k.file, k.period)
	switch {
	case err != nil:
		k.report(ctx, "this daemon cannot rotate its master keys: rotate by a timer, with `keyseatd master-key rotate`", err.Error())
	case done.Added != "" || len(done.Destroyed) > 0:
		k.problem = ""
		k.log.InfoContext(ctx, "rotated the master keys", "file", k.file, "added", done.Added, "destroyed", done.Destroyed)
	}
}

// others returns the other files of master keys that daemons of this database use, or have used in the last hour.
//
// If daemons on two machines each added a key to their own file, neither daemon could decrypt the secrets that the
// other daemon has encrypted. A daemon with a PostgreSQL database therefore waits for an hour after its start before it
// rotates keys. In that hour, the other daemons record their files.
func (k *keyRotation) others(daemons []bunstore.Sealing) string {
	var files []string
	for _, d := range daemons {
		if d.KeyFile != k.place {
			files = append(files, d.KeyFile)
		}
	}
	return strings.Join(files, ", ")
}

// report logs a problem, unless the problem that was logged last has the same message.
func (k *keyRotation) report(ctx context.Context, message, detail string) {
	if ctx.Err() != nil || k.problem == message {
		return
	}
	k.problem = message
	k.log.WarnContext(ctx, message, "file", k.file, "error", detail)
}

// masterKeyAge returns the age of the ring's first key, which encrypts. It returns false if the file has no creation
// time for that key.
func masterKeyAge(ring *keyring.Ring) (age time.Duration, known bool) {
	all, err := ring.Keys()
	if err != nil || all[0].Created.IsZero() {
		return 0, false
	}
	return max(0, faultinject.Now().Sub(all[0].Created)), true
}

const oldMasterKey = 7 * 24 * time.Hour // the age at which the command doctor warns that a master key is old

// printMasterKeyAge prints a warning if the ring's first key, which encrypts, is old or has no known age.
func printMasterKeyAge(ring *keyring.Ring, to io.Writer) {
	age, known := masterKeyAge(ring)
	found := fmt.Sprintf("%d days old", age/(24*time.Hour))
	switch {
	case !known:
		found = "of unknown age"
	case age < oldMasterKey:
		return
	}
	_, _ = fmt.Fprintf(to, "warning: the first master key is %s: old backups and logs of the database open with it until `keyseatd master-key rotate` has destroyed it\n",
		found) // a warning that cannot be written does not fail the command
}
