package console

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/keyseat/keyseat/daemon/admin"
	"github.com/keyseat/keyseat/daemon/auditlog"
	"github.com/keyseat/keyseat/daemon/csvfile"
	"github.com/keyseat/keyseat/daemon/ratelimit"
	"github.com/keyseat/keyseat/internal/httpclient"
	"github.com/keyseat/keyseat/stock"
	"github.com/keyseat/keyseat/tasks"
)

// isRefresh reports whether the script of an open page caused the request.
func (r *request) isRefresh() bool { return r.req.Header.Get("Keyseat-Refresh") != "" }

// cookieSession returns the session that the browser's cookie names, or nil.
func (r *request) cookieSession() *session {
	cookie, err := r.req.Cookie(r.cookieName())
	if err != nil {
		return nil
	}
	return r.findSession(cookie.Value, !r.isRefresh())
}

func (r *request) redirect(path string) {
	r.w.Header().Set("Location", path)
	r.w.WriteHeader(http.StatusSeeOther)
}

func (r *request) send(status int, contentType string, text []byte) {
	h := r.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(text)))
	r.w.WriteHeader(status)
	if r.req.Method != http.MethodHead {
		_, _ = r.w.Write(text) // a browser that has disconnected is not an error
	}
}

const csvType = "text/csv; charset=utf-8"

// sendFile sends the output of the function write as a file that the browser saves.
func (r *request) sendFile(name, contentType string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	r.w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
	r.send(http.StatusOK, contentType, b.Bytes())
	return nil
}

func (r *request) client() netip.Addr { return ratelimit.ClientAddress(r.req, r.Proxies) }

// audit logs an action of the operator that the token names, as a line of the log and as an entry of the audit log. It
// is not used for changes through the admin API, which logs them itself.
func (r *request) audit(action string, token admin.Token, others ...slog.Attr) {
	attrs := []slog.Attr{slog.String("action", action), slog.String("token", token.Name), slog.String("client", r.client().String())}
	log := auditlog.Log{Lines: r.Log, Entries: r.Activity, Errors: r.Log, Limiter: &r.failedLog}
	log.Write(r.req.Context(), slog.LevelInfo, "console", append(attrs, others...))
}

var (
	errForm        = pageError{http.StatusForbidden, "This form is not from your session", "Go back to the page, reload it and try again. Nothing was changed."}
	errTooLarge    = pageError{http.StatusRequestEntityTooLarge, "This form is too large", "Nothing was changed. The console imports files of up to 1 MB. The commands keyseatd keys import and plans import take larger files."}
	errCrossSite   = pageError{http.StatusForbidden, "This form is from another site", "Nothing was changed."}
	errNotFound    = pageError{http.StatusNotFound, "There is nothing here", "The requested page does not exist."}
	errUnavailable = pageError{http.StatusServiceUnavailable, "The console cannot answer now", "The database is away or slow, or the file of tokens cannot be read. Try again, and see the daemon's log."}
)

// A pageError is an error with a page of its own.
type pageError struct {
	Status int
	Title  string
	Text   string
}

func (e pageError) Error() string { return e.Title }

// toPageError returns the error page for err. An unknown error becomes errUnavailable.
func toPageError(err error) pageError {
	if e, is := errors.AsType[pageError](err); is {
		return e
	}
	if e, is := errors.AsType[csvfile.PartError](err); is {
		return pageError{http.StatusServiceUnavailable, "Only a part of the file is imported", "Of its rows " + e.Advice() + "."}
	}
	for _, missing := range []error{tasks.ErrNoKey, tasks.ErrNoTask} {
		if errors.Is(err, missing) {
			return pageError{http.StatusNotFound, "Not found", "In this database " + missing.Error() + "."}
		}
	}
	return errUnavailable
}

const cookieName = "keyseat_console"

// cookieName returns the name of the session's cookie. Over TLS, the name has the prefix __Host-. Browsers refuse a
// cookie with that prefix if another host sets it, or if it lacks the attribute Secure.
func (r *request) cookieName() string {
	if r.encrypted() {
		return "__Host-" + cookieName
	}
	return cookieName
}

// setCookie sets the session cookie for the given number of seconds. A negative number deletes the cookie.
func (r *request) setCookie(id string, seconds int) {
	http.SetCookie(r.w, &http.Cookie{ //nolint:gosec // without TLS a Secure cookie would not come back
		Name: r.cookieName(), Value: id, Path: "/", MaxAge: seconds,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.encrypted(),
	})
}

// encrypted reports whether the browser uses TLS. The daemon or a proxy may terminate the TLS. The console trusts
// X-Forwarded-Proto. A client that forges this header only marks its own cookie as Secure, so its browser does not send
// the cookie back.
func (r *request) encrypted() bool {
	return r.req.TLS != nil || strings.EqualFold(r.req.Header.Get("X-Forwarded-Proto"), "https")
}

// taskByID reads the task with the given id. The error is [tasks.ErrNoTask] if there is no such task.
func (r *request) taskByID(id string) (found tasks.Snapshot, err error) {
	if csvfile.ValidID(id) {
		found, err = r.AdminStore.Task(r.req.Context(), id)
	}
	if err == nil && found.Task == nil {
		err = tasks.ErrNoTask
	}
	return found, err
}

// An apiError is an error response of the admin API.
type apiError struct {
	Status int
	Title  string
	Detail string
}

func (e apiError) Error() string { return e.Detail }

// Message returns the error as one sentence for the operator.
func (e apiError) Message() string { return e.Title + ": " + e.Detail + "." }

// callAdmin sends a request with a JSON body to the admin API, which runs in the same process. The
// request carries the token of the session. It also carries the headers in header, which may be nil. The
// response is decoded into the value that into points to, unless into is nil. An error response becomes an
// [apiError], or errUnavailable if it is not JSON.
func (r *request) callAdmin(method, path string, body any, into any, header http.Header) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	ctx := r.req.Context()
	if r.session.proxyUser != "" {
		ctx = admin.WithToken(ctx, r.token)
	}
	call, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	call.RemoteAddr = netip.AddrPortFrom(r.client(), 0).String() // the audit log names the address of the browser
	call.Header = http.Header{"Authorization": {"Bearer " + r.session.token.Reveal()}, "Content-Type": {"application/json"}}
	maps.Copy(call.Header, header)
	var response httpclient.Recorder
	r.API.ServeHTTP(&response, call)
	if status := response.Status(); status >= http.StatusBadRequest {
		e := apiError{Status: status}
		if json.Unmarshal(response.Body.Bytes(), &e) != nil {
			return errUnavailable
		}
		return e
	}
	if into == nil { // a response that the caller does not need may be empty, and empty text is not JSON
		return nil
	}
	return json.Unmarshal(response.Body.Bytes(), into)
}

// objectPath returns the path of an object in the admin API, or of an operation on it.
func objectPath(noun, id string, verb ...string) string {
	return strings.Join(append([]string{"/admin/v1", noun, url.PathEscape(id)}, verb...), "/")
}

// findPlan reads the plan with the given id. It returns the zero Plan if no plan has this id.
func (r *request) findPlan(id string) (stock.Plan, error) {
	found, err := r.AdminStore.PlansByID(r.req.Context(), []string{id})
	if err != nil || len(found) == 0 {
		return stock.Plan{}, err
	}
	return found[0], nil
}

// The limits of sessions. If there are more than maxSessions, the least recently used one ends.
const (
	maxSessions    = 1000
	sessionMaxAge  = 12 * time.Hour // since sign-in
	sessionMaxIdle = 2 * time.Hour
)

// isFormSecret reports whether form is the session's form secret. It compares in constant time.
func (s *session) isFormSecret(form string) bool {
	return subtle.ConstantTimeCompare([]byte(form), []byte(s.formSecret)) == 1
}

func (c *Console) startSession(token string) *session {
	started := c.newSession(token)
	c.sessions.Add(sha256.Sum256([]byte(started.id)), started)
	return started
}

// newSession returns a session that no later request finds, until it is stored.
func (c *Console) newSession(token string) *session {
	now := c.Now()
	s := &session{id: rand.Text(), formSecret: rand.Text(), token: tasks.NewSecret(token), startedAt: now}
	s.lastUsed.Store(&now)
	return s
}

// findSession returns the session with the given id. It returns nil if the session does not exist or has expired. If
// byPerson is false, a script caused the request, and the session is not prolonged.
func (c *Console) findSession(id string, byPerson bool) *session {
	found, is := c.sessions.Get(sha256.Sum256([]byte(id)))
	if !is {
		return nil
	}
	now := c.Now()
	if now.Sub(found.startedAt) > sessionMaxAge || now.Sub(*found.lastUsed.Load()) > sessionMaxIdle {
		c.endSession(found)
		return nil
	}
	if byPerson {
		found.lastUsed.Store(&now)
	}
	return found
}

func (c *Console) endSession(ended *session) { c.sessions.Remove(sha256.Sum256([]byte(ended.id))) }
