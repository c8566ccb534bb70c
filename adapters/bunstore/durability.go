package bunstore

import (
	"context"
	"strings"

	"github.com/uptrace/bun"
)

// A DurabilityRisk is a setting of the server with which it can lose confirmed writes.
type DurabilityRisk struct {
	Setting, Value string
	Means          string // an explanation for the operator
}

// The explanations of all risks.
const (
	noFsync       = "what was accepted, or the whole database, is lost when the machine crashes or its power fails: set it on"
	tornPages     = "a crash of the machine can leave pages half written, and the database damaged: set it on"
	noFlushWait   = "what was accepted in the last moments is lost when the server dies: set it on"
	noStandbyWait = "what was accepted in the last moments is lost in a failover, because no commit waits for a synchronous standby: set it on"
	noSyncStandby = "what was accepted in the last moments is lost in a failover, because no standby is synchronous: name one (Patroni's synchronous_mode does)"
)

type settingModel struct {
	bun.BaseModel `bun:"table:pg_settings"`
	Name          string `bun:"name"`
	Setting       string `bun:"setting"`
}

// DurabilityRisks returns the settings with which the server can lose confirmed writes, or nil. It reads the settings
// that a session of the store has, from the server that accepts writes now. For SQLite it returns nil, because [Open]
// sets up each connection so that SQLite waits for the disk.
func (s *Store) DurabilityRisks(ctx context.Context) ([]DurabilityRisk, error) {
	if s.isSQLite {
		return nil, nil
	}
	var rows []settingModel
	err := s.reader().selectInto(&rows).
		Where("name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'synchronous_standby_names')").Scan(ctx)
	if err != nil {
		return nil, s.wrap("settings", err)
	}
	set := map[string]string{}
	for _, r := range rows {
		set[r.Name] = r.Setting
	}
	return durabilityRisks(set, s.multiHost), nil
}

// durabilityRisks returns the risks of settings; set maps their names to their values. The argument multiHost is true
// if the URL names several hosts. Then the operator expects failovers.
func durabilityRisks(set map[string]string, multiHost bool) (all []DurabilityRisk) {
	standbys := strings.TrimSpace(set["synchronous_standby_names"]) != ""
	for _, known := range []struct {
		setting, value string
		applies        bool
		means          string
	}{
		{"fsync", "off", true, noFsync},
		{"full_page_writes", "off", true, tornPages},
		{"synchronous_commit", "off", true, noFlushWait},
		{"synchronous_commit", "local", standbys, noStandbyWait},
		{"synchronous_standby_names", "", multiHost, noSyncStandby},
	} {
		if set[known.setting] == known.value && known.applies {
			all = append(all, DurabilityRisk{known.setting, known.value, known.means})
		}
	}
	return all
}
