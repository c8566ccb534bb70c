package harness

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// An OpenAPI is an OpenAPI document, in which a daemon describes one of its APIs.
type OpenAPI struct{ *openapi3.T }

// OpenAPI reads the document at /admin/v1/ with the given name, which needs no token.
func (d *Daemon) OpenAPI(name string) OpenAPI {
	d.Helper()
	a, err := d.Send("GET", d.AdminURL+"/admin/v1/"+name, "", nil)
	if err != nil || a.Code != 200 {
		d.Fatalf("%s: %d, %v", name, a.Code, err)
	}
	doc, err := openapi3.NewLoader().LoadFromData([]byte(a.Body))
	if err == nil {
		err = doc.Validate(d.Context())
	}
	if err != nil {
		d.Fatalf("%s: %v", name, err)
	}
	return OpenAPI{doc}
}

// Check returns an error unless the response agrees with the operation that the document describes for the method and
// target.
func (s OpenAPI) Check(method, target string, a Response) error {
	u, err := url.Parse(target)
	if err != nil {
		return err
	}
	operation := s.operation(method, u.EscapedPath())
	if operation == nil {
		return fmt.Errorf("the document lacks %s %s", method, u.Path)
	}
	declared := operation.Responses.Value(strconv.Itoa(a.Code))
	if declared == nil {
		return fmt.Errorf("the document of %s lacks the status %d", operation.OperationID, a.Code)
	}
	if declared.Value.Content == nil {
		return nil
	}
	media := declared.Value.Content.Get(a.Header.Get("Content-Type"))
	if media == nil {
		return fmt.Errorf("the document of %s lacks the type %s", operation.OperationID, a.Header.Get("Content-Type"))
	}
	var body any
	if err := json.Unmarshal([]byte(a.Body), &body); err != nil {
		return err
	}
	return media.Schema.Value.VisitJSON(body, openapi3.EnableJSONSchema2020(), openapi3.EnableFormatValidation())
}

// operation returns the operation whose path template matches a path, or nil. A parameter in the template matches any
// text.
func (s OpenAPI) operation(method, path string) *openapi3.Operation {
	got := strings.Split(path, "/")
	for template, item := range s.Paths.Map() {
		want := strings.Split(template, "/")
		fits := len(want) == len(got)
		for i := range want {
			fits = fits && (want[i] == got[i] || strings.HasPrefix(want[i], "{"))
		}
		if fits {
			return item.GetOperation(method)
		}
	}
	return nil
}

// An Operator uses the admin API of a daemon. It checks every response against the OpenAPI document of that daemon.
type Operator struct {
	*Daemon
	Token string
	Doc   OpenAPI
}

// AddToken adds an admin token to a file with keyseatd admin-token add, and returns the token.
func (s *Shop) AddToken(file, name, role string) string {
	s.Helper()
	return strings.TrimSpace(s.MustExec("admin-token", "add", file, "--name", name, "--role", role))
}

// ServeAdmin starts a daemon with a new file of admin tokens. It returns the path of the file, and an operator with a
// token of the role write.
func (s *Shop) ServeAdmin(flags ...string) (o *Operator, file string) {
	s.Helper()
	file = filepath.Join(s.Folder, "admin-tokens")
	token := s.AddToken(file, "webshop", "write")
	d := s.Serve(append(flags, "--admin-token-file", file)...)
	return &Operator{d, token, d.OpenAPI("openapi.json")}, file
}

// Call sends a request to the admin API with the operator's token, and checks the response against the OpenAPI
// document. The headers are pairs of names and values.
func (o *Operator) Call(method, target, body string, headers ...string) Response {
	o.Helper()
	common := []string{"Authorization", "Bearer " + o.Token}
	if body != "" {
		common = append(common, "Content-Type", "application/json")
	}
	a, err := o.Send(method, o.AdminURL+"/admin/v1"+target, body, Headers(append(common, headers...)...))
	if err == nil {
		err = o.Doc.Check(method, "/admin/v1"+target, a)
	}
	if err != nil || a.Header.Get("Cache-Control") != "no-store" {
		o.Errorf("%s %s: %d %s: %v", method, target, a.Code, a.Body, err)
	}
	return a
}

// Read gets a target, which must answer with the status 200, and decodes the JSON of the response into a value.
func (o *Operator) Read(into any, target string) {
	o.Helper()
	o.Decode(o.Call("GET", target, ""), 200, into)
}

// Decode decodes the JSON of a response into a value. The response must have the given status code.
func (o *Operator) Decode(a Response, code int, into any) {
	o.Helper()
	if a.Code != code {
		o.Fatalf("got %d %s, want %d", a.Code, a.Body, code)
	}
	if err := json.Unmarshal([]byte(a.Body), into); err != nil {
		o.Fatal(err)
	}
}

// ExpectProblem checks that a response has a status code, and that its body is a problem document with the given
// problem as its code.
func (o *Operator) ExpectProblem(a Response, code int, problem string) {
	o.Helper()
	var p struct{ Code string }
	o.Decode(a, code, &p)
	if p.Code != problem || a.Header.Get("Content-Type") != "application/problem+json" {
		o.Errorf("%d %s, want %s", a.Code, a.Body, problem)
	}
}

// On returns an operator with the same token for another daemon.
func (o *Operator) On(d *Daemon) *Operator { return &Operator{d, o.Token, o.Doc} }

// KeyPath returns the path of the console's page of a key. The parameter is the console's reference to the key, so that
// the URL does not contain the code.
func KeyPath(reference string) string { return keyPath + reference }

const keyPath = "/console/key?key="

// TaskPath returns the path of the console's page of a task.
func TaskPath(id string) string { return "/console/task?id=" + id }

// A Session uses the console with a cookie of a signed-in operator, but without a browser.
type Session struct {
	*Operator
	Cookie string
}

// Session returns a session with the given cookie.
func (o *Operator) Session(cookie string) Session { return Session{o, cookie} }

// SignIn signs in to the console with a token. It returns the session, and the response of the console.
func (o *Operator) SignIn(token string, headers ...string) (Session, Response) {
	o.Helper()
	a := Session{o, ""}.Request("POST", "/console/signin", "token="+url.QueryEscape(token), headers...)
	cookie, _, _ := strings.Cut(a.Header.Get("Set-Cookie"), ";")
	return Session{o, cookie}, a
}

// Request sends a request, and checks the headers that every response of the console must have.
func (v Session) Request(method, path, form string, headers ...string) Response {
	v.Helper()
	h := Headers(append([]string{"Cookie", v.Cookie}, headers...)...)
	if form != "" {
		h.Set("Content-Type", FormType)
	}
	a, err := v.Send(method, v.AdminURL+path, form, h)
	if err != nil {
		v.Fatal(err)
	}
	policy := a.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
		if !strings.Contains(policy, want) {
			v.Errorf("%s %s: the policy %q lacks %s", method, path, policy, want)
		}
	}
	if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("X-Frame-Options") != "DENY" || a.Header.Get("Referrer-Policy") != "same-origin" {
		v.Errorf("%s %s: %v", method, path, a.Header)
	}
	return a
}

// ExpectStatus sends a request, and checks the status of the response.
func (v Session) ExpectStatus(want int, method, path, form string, headers ...string) Response {
	v.Helper()
	a := v.Request(method, path, form, headers...)
	if a.Code != want {
		v.Errorf("%s %s: %d, want %d", method, path, a.Code, want)
	}
	return a
}

// KeyReference searches the console for the code of a key, and returns the console's reference to the key.
func (v Session) KeyReference(code string) string {
	v.Helper()
	a := v.ExpectStatus(303, "POST", "/console/keys", Query("q", code)+"&form="+v.FormToken())
	reference, found := strings.CutPrefix(a.Header.Get("Location"), keyPath)
	if !found {
		v.Errorf("a search for a key redirects to %s", a.Header.Get("Location"))
	}
	return reference
}

var formToken = regexp.MustCompile(`name="form" value="(\w{20,})"`)

// FormToken returns the secret value that every form of the session contains.
func (v Session) FormToken() string {
	v.Helper()
	found := formToken.FindStringSubmatch(v.ExpectStatus(200, "GET", "/", "").Body)
	if found == nil {
		v.Fatal("no form has a secret value")
	}
	return found[1]
}
