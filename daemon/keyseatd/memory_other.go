//go:build !linux

package main

// protectMemory does nothing, because it is implemented for Linux only.
func protectMemory() error { return nil }
