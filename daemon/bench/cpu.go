package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// work is the processor time that a server and all processes of PostgreSQL have used. On a machine with
// other load, it is more reliable than elapsed time.
type work struct{ server, database time.Duration }

func (w work) since(before work) work {
	return work{w.server - before.server, w.database - before.database}
}

// each returns the work per response, for n responses.
func (w work) each(n int) work {
	n = max(n, 1)
	return work{w.server / time.Duration(n), w.database / time.Duration(n)}
}

// used returns the work so far. It is 0 on systems other than Linux.
func (b *bench) used(p *process) work {
	return work{server: usedBy(p.cmd.Process.Pid), database: usedBelow(b.postmaster)}
}

// stat returns the fields of a process's line in /proc, from its state on. The parent's id is next.
func stat(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	line := string(text)
	return strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
}

// The indexes of fields that stat returns, and the length of a tick, which is constant on Linux.
const (
	parent = 1
	user   = 11 // the next field is system
	ended  = 13 // the same two fields, of the ended children
	tick   = 10 * time.Millisecond
)

func usedBy(pid int) time.Duration { return ticks(pid, user) }

// ticks returns the sum of a field and the next one, as a duration.
func ticks(pid, field int) time.Duration {
	fields := stat(pid)
	if len(fields) <= field+1 {
		return 0
	}
	one, _ := strconv.Atoi(fields[field]) // Linux writes a number
	other, _ := strconv.Atoi(fields[field+1])
	return time.Duration(one+other) * tick
}

// usedBelow returns the sum over all children of a process, including ended ones.
func usedBelow(pid int) time.Duration {
	sum := ticks(pid, ended)
	folders, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, folder := range folders {
		child, _ := strconv.Atoi(filepath.Base(folder)) // the pattern matches numbers only
		if fields := stat(child); len(fields) > parent && fields[parent] == strconv.Itoa(pid) {
			sum += usedBy(child)
		}
	}
	return sum
}

// postmasterOf returns the id of the server's first process, which is the parent of our connection's
// process. It is 0 on systems other than Linux.
func postmasterOf(ctx context.Context, admin string) (pid int, err error) {
	err = connected(ctx, admin, func(conn *pgx.Conn) error {
		if fields := stat(int(conn.PgConn().PID())); len(fields) > parent {
			pid, err = strconv.Atoi(fields[parent])
		}
		return err
	})
	return pid, err
}
