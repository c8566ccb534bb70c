//go:build !linux

package secretfile

// isSecretMount is about containers, which Linux alone has.
func isSecretMount(string) bool { return false }
