// Package api tests what holders, shops and the provider see. That is the public API, the Go clients, the page for key
// holders, and the requests to the provider. The package contains only tests.
package api
