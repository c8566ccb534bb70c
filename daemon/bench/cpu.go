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

// work is the processor time that has been used, which tells more than the clock where the machine
// has others to serve too: by a server, and by all processes of PostgreSQL.
type work struct{ server, database time.Duration }

func (w work) since(before work) work {
	return work{w.server - before.server, w.database - before.database}
}

// each is the share of one of n answers.
func (w work) each(n int) work {
	n = max(n, 1)
	return work{w.server / time.Duration(n), w.database / time.Duration(n)}
}

// used reads what has been used so far. Where the system does not tell (it is no Linux) it is nothing.
func (b *bench) used(p *process) work {
	return work{server: usedBy(p.cmd.Process.Pid), database: usedBelow(b.postmaster)}
}

// stat reads a process's line in /proc from its state on: then the parent's id comes next.
func stat(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	line := string(text)
	return strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
}

// The fields of that line, and how long one of its ticks is, which Linux never changes.
const (
	parent = 1
	user   = 11 // and then system
	ended  = 13 // the same two, of the children that have ended
	tick   = 10 * time.Millisecond
)

func usedBy(pid int) time.Duration { return ticks(pid, user) }

// ticks adds a field of that line and the next.
func ticks(pid, field int) time.Duration {
	fields := stat(pid)
	if len(fields) <= field+1 {
		return 0
	}
	one, _ := strconv.Atoi(fields[field]) // it is a number
	other, _ := strconv.Atoi(fields[field+1])
	return time.Duration(one+other) * tick
}

// usedBelow sums over the children of a process, also those that have ended.
func usedBelow(pid int) time.Duration {
	sum := ticks(pid, ended)
	folders, _ := filepath.Glob("/proc/[0-9]*") // the pattern is well formed
	for _, folder := range folders {
		child, _ := strconv.Atoi(filepath.Base(folder)) // it is one
		if fields := stat(child); len(fields) > parent && fields[parent] == strconv.Itoa(pid) {
			sum += usedBy(child)
		}
	}
	return sum
}

// postmasterOf finds the server's first process: the parent of the one that serves us. It is 0 where the
// system does not tell.
func postmasterOf(ctx context.Context, admin string) (pid int, err error) {
	err = connected(ctx, admin, func(conn *pgx.Conn) error {
		if fields := stat(int(conn.PgConn().PID())); len(fields) > parent {
			pid, err = strconv.Atoi(fields[parent])
		}
		return err
	})
	return pid, err
}
