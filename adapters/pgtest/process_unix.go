//go:build unix

package pgtest

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// nobody is the user id that most systems give to a user without rights.
const nobody = 65534

// unprivileged runs a program as a user other than root, because initdb and postgres refuse root, and
// in a process group of its own, because an interrupt at the terminal is for the test.
func unprivileged() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if uid, gid, root := server(); root {
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return attr
}

// server gives the user that a root's server runs as: postgres where there is one.
func server() (uid, gid int, root bool) {
	uid, gid, root = nobody, nobody, os.Geteuid() == 0
	if u, err := user.Lookup("postgres"); err == nil {
		if id, err := strconv.Atoi(u.Uid); err == nil {
			uid = id
		}
		if id, err := strconv.Atoi(u.Gid); err == nil {
			gid = id
		}
	}
	return uid, gid, root
}

// own gives a folder to the user that the server runs as.
func own(folder string) error {
	if uid, gid, root := server(); root {
		return os.Chown(folder, uid, gid)
	}
	return nil
}

func kill(pid int) error { return syscall.Kill(pid, syscall.SIGKILL) }

// killGroup ends the process that leads a group, and all of that.
func killGroup(leader int) error { return kill(-leader) }
