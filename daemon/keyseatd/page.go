package main

import (
	"log/slog"
	"net/http"
	"os"

	"github.com/keyseat/keyseat/daemon/holderpage"
)

// pageFlags turn the page for key holders on or off, and set its look.
type pageFlags struct {
	Page      string `default:"on" enum:"on,off" placeholder:"on|off" help:"Serve a page for key holders at /, next to the API: on or off."`
	PageFiles string `placeholder:"FOLDER" help:"Folder with texts and styles that replace those of the page. For a file that it lacks, the page uses its own."`
	PageColor string `placeholder:"#RRGGBB" help:"Color of the page's buttons and links. The page darkens or lightens it where text would have a contrast below 4.5:1."`
	Brand     string `validate:"omitempty,text" placeholder:"NAME" help:"Name of the shop, in the page's header and title."`
}

// checkPage reads the page's files once, so that an error in them is found before the database is opened.
func (f pageFlags) checkPage() error {
	if f.Page == "off" {
		return nil
	}
	if f.PageColor != "" {
		if _, _, err := holderpage.Accent(f.PageColor); err != nil {
			return usageError{withName("--page-color", err)}
		}
	}
	_, err := f.page(http.NotFoundHandler())
	return withName("--page-files", err)
}

// pageHandler returns the page for key holders, or nil if the page is off. It logs the shades of a color that
// lacks contrast.
func (f pageFlags) pageHandler(api http.Handler, log *slog.Logger) (http.Handler, error) {
	if f.Page == "off" {
		return nil, nil //nolint:nilnil // the flag turns the page off
	}
	if light, dark, err := holderpage.Accent(f.PageColor); err == nil && (light != f.PageColor || dark != f.PageColor) {
		log.Info("the page uses shades of --page-color with enough contrast", "color", f.PageColor, "light", light, "dark", dark)
	}
	return f.page(api)
}

// page returns the page for key holders.
func (f pageFlags) page(api http.Handler) (*holderpage.Page, error) {
	o := holderpage.Options{Brand: f.Brand, Color: f.PageColor}
	if f.PageFiles != "" {
		if _, err := os.ReadDir(f.PageFiles); err != nil {
			return nil, err // os.DirFS would have no files
		}
		o.Files = os.DirFS(f.PageFiles)
	}
	return holderpage.New(api, o)
}
