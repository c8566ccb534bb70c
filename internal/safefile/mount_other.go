//go:build !linux

package safefile

// isSecretMount returns false, because only Linux has the containers that mount secrets.
func isSecretMount(string) bool { return false }
