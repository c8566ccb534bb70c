package bunstore

import (
	"context"
	"strings"
)

// A Risk is a setting of the server by which what it has confirmed may be lost.
type Risk struct {
	Setting, Value string
	Means          string // for the operator, a sentence
}

// The risks that there are.
const (
	noFsync     = "what was accepted, or the whole database, is lost when the machine crashes or its power fails: set it on"
	tornPages   = "a crash of the machine can leave pages half written, and the database damaged: set it on"
	unconfirmed = "what was accepted in the last moments is lost when the server dies: set it on"
	alone       = "what was accepted in the last moments is lost in a failover, because no commit waits for a synchronous standby: set it on"
	nobody      = "what was accepted in the last moments is lost in a failover, because no standby is synchronous: name one (Patroni's synchronous_mode does)"
)

// Risks tells what is not durable in the settings of the server that takes writes now, as they are for
// the store; none if all is well. Of an SQLite file that [Open] has opened there are none.
func (s *Store) Risks(ctx context.Context) ([]Risk, error) {
	if s.embedded() {
		return nil, nil
	}
	set := map[string]string{}
	err := s.reader().query(ctx, `
		SELECT name, setting FROM pg_settings
		WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'synchronous_standby_names')`, nil, func(r row) error {
		var name, value string
		err := r.scan([]field{text[string]{&name}, text[string]{&value}})
		set[name] = value
		return err
	})
	if err != nil {
		return nil, s.reader().tell("settings", err)
	}
	return risks(set, s.fallback), nil
}

// risks are those of settings, by their names. Where the URL has a fallback, a failover is expected.
func risks(set map[string]string, fallback bool) (all []Risk) {
	standbys := strings.TrimSpace(set["synchronous_standby_names"]) != ""
	for _, known := range []struct {
		setting, value string
		applies        bool
		means          string
	}{
		{"fsync", "off", true, noFsync},
		{"full_page_writes", "off", true, tornPages},
		{"synchronous_commit", "off", true, unconfirmed},
		{"synchronous_commit", "local", standbys, alone},
		{"synchronous_standby_names", "", fallback, nobody},
	} {
		if set[known.setting] == known.value && known.applies {
			all = append(all, Risk{known.setting, known.value, known.means})
		}
	}
	return all
}
