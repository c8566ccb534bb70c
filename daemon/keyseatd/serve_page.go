package main

import (
	"net/http"

	"github.com/keyseat/keyseat/daemon/holderpage"
)

// pageFlag says whether key holders have a page.
type pageFlag struct {
	Page string `default:"on" enum:"on,off" placeholder:"on|off" help:"Serve a page for key holders at / beside the API: on or off."`
}

// page is nil where it is off.
func (f pageFlag) page(api http.Handler) (http.Handler, error) {
	if f.Page == "off" {
		return nil, nil //nolint:nilnil // no page is what was asked for
	}
	return holderpage.New(api, nil)
}
