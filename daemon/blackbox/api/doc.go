// Package api tests the interfaces for holders, shops and the provider. They are the public API, the Go clients, the page
// for key holders, and the requests to the provider. The package contains only tests.
package api
