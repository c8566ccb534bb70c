//go:build !unix

package main

import "os/exec"

// startProcessGroup does nothing, because this system has no process groups.
func startProcessGroup(*exec.Cmd) {}
