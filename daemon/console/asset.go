package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"time"
)

// The charts are drawn by uPlot. Its licence is in the same folder.
//
//go:embed assets
var files embed.FS

// An asset is a file that pages load. Its tag is a hash of the content.
type asset struct {
	text []byte
	tag  string
}

var assets = load()

func load() map[string]asset {
	all := map[string]asset{}
	entries, _ := fs.ReadDir(files, "assets") // reading embedded files does not fail
	for _, entry := range entries {
		text, _ := files.ReadFile("assets/" + entry.Name())
		hash := sha256.Sum256(text)
		all[entry.Name()] = asset{text, hex.EncodeToString(hash[:8])}
	}
	return all
}

// assetURL returns the URL of an asset for use in a page. The URL changes with the content of the file, so
// browsers may cache it.
func assetURL(name string) string { return "/console/assets/" + name + "?v=" + assets[name].tag }

var types = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8",
}

// serveAsset serves an asset. It needs no session, because assets contain no data of the shop.
func serveAsset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	a, is := assets[name]
	if !is {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", types[path.Ext(name)])
	if r.URL.Query().Get("v") == a.tag {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(a.text))
}
