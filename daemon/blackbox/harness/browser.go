package harness

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/chromedp"
)

// browser starts Chromium at the first call. All tests of a package share it.
var browser = sync.OnceValues(func() (context.Context, error) {
	path, err := chromium()
	if err != nil {
		return nil, err
	}
	folder, err := commonFolder()
	if err != nil {
		return nil, err
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path),
		chromedp.DisableGPU, // machines of CI have no GPU, and the emulation of a GPU takes most of the time
		chromedp.UserDataDir(filepath.Join(folder, "chromium")),
		chromedp.WSURLReadTimeout(MaxWait),
		chromedp.Flag("host-resolver-rules", "MAP "+LANHost+" 127.0.0.1"),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // the sandbox refuses root
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, closeBrowser := chromedp.NewContext(ctx)
	atEnd = append(atEnd, func() { closeBrowser(); stop() })
	return ctx, chromedp.Do(ctx)
})

// LANHost is a host name that the browser resolves to this machine. It stands for another machine in a private network:
// over plain HTTP, the browser treats 127.0.0.1 as a secure context, but not LANHost.
const LANHost = "keys.lan"

// errNoChromium means that Chromium is not installed.
var errNoChromium = errors.New("chromium is missing, run .ci/needs")

// chromium returns the path of the browser's program.
func chromium() (string, error) {
	for _, name := range []string{
		"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome",
		"/Applications/Chromium.app/Contents/MacOS/Chromium", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
	} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errNoChromium
}

// OverLAN returns the URL of a daemon as another machine of a private network would have it.
func OverLAN(url string) string { return strings.Replace(url, "127.0.0.1", LANHost, 1) }
