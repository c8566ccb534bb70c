package main

import (
	"net/http"

	"github.com/keyseat/keyseat/daemon/holderpage"
)

// pageFlag turns the page for key holders on or off.
type pageFlag struct {
	Page string `default:"on" enum:"on,off" placeholder:"on|off" help:"Serve a page for key holders at / beside the API: on or off."`
}

// handler returns the page for key holders, or nil if the page is off.
func (f pageFlag) handler(api http.Handler) (http.Handler, error) {
	if f.Page == "off" {
		return nil, nil //nolint:nilnil // no page is what was asked for
	}
	return holderpage.New(api, nil)
}
