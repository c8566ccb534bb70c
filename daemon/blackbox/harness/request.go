package harness

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Response is the status, body and headers of an answer.
type Response struct {
	Code   int
	Body   string
	Header http.Header
}

// NewClient returns a client that follows no redirects and keeps up to 64 connections.
func NewClient() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       20 * time.Second,
	}
}

// ReadResponse reads the body of a response and closes it.
func ReadResponse(response *http.Response) (Response, error) {
	defer func() { _ = response.Body.Close() }() // the body was read
	text, err := io.ReadAll(response.Body)
	return Response{response.StatusCode, string(text), response.Header}, err
}

// FormType is the content type of a form.
const FormType = "application/x-www-form-urlencoded"

// CommonHeaders are the headers that every response of the API has, whatever its status.
var CommonHeaders = map[string]string{
	"Content-Type":           "application/json; charset=utf-8",
	"Cache-Control":          "no-store",
	"Referrer-Policy":        "no-referrer",
	"X-Content-Type-Options": "nosniff",
}

// Check returns an error unless the response has the [CommonHeaders], and a body of JSON on one line without escapes
// for HTML. A response to HEAD has no body.
func (a Response) Check(method string) error {
	for name, want := range CommonHeaders {
		if got := a.Header.Values(name); len(got) != 1 || got[0] != want {
			return fmt.Errorf("%s is %q", name, got)
		}
	}
	if method == http.MethodHead {
		return nil
	}
	if !json.Valid([]byte(a.Body)) || strings.ContainsAny(a.Body, "\r\n") {
		return fmt.Errorf("the body is not JSON on one line: %q", a.Body)
	}
	if strings.Contains(a.Body, `\u0026`) || strings.Contains(a.Body, `\u003c`) || strings.Contains(a.Body, `\u003e`) {
		return fmt.Errorf("the body is escaped for HTML: %q", a.Body)
	}
	return nil
}

// ErrorBody returns the body of a response of the API that refuses a request with a message.
func ErrorBody(message string) string { return fmt.Sprintf(`{"status":"error","message":%q}`, message) }

// Query encodes pairs of names and values as a query or a form, in the order of the pairs.
func Query(pairs ...string) string {
	var parts []string
	for i := 0; i < len(pairs); i += 2 {
		parts = append(parts, url.QueryEscape(pairs[i])+"="+url.QueryEscape(pairs[i+1]))
	}
	return strings.Join(parts, "&")
}

// Password is a password that every password policy allows.
const Password = "correct horse 1"

// Upgrade returns the form that requests an upgrade.
func Upgrade(code, login, country string) string {
	return Query("upgrade", code, "login", login, "pwd", Password, "country", country)
}

// Renew returns the form that requests a renew.
func Renew(code, login string) string {
	return Query("renew", code, "login", login, "pwd", Password, "country", "US")
}

// Headers makes headers of pairs of names and values.
func Headers(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

// Headers of requests with a body.
var (
	FormHeader = Headers("Content-Type", FormType)
	JSONHeader = Headers("Content-Type", "application/json")
)

// The messages and answers of the API. They are copies, so that a change in the program fails a test.
const (
	UnknownKey      = "This key was not found in our database"
	PasswordMissing = "The password is missing"
	PasswordWeak    = "The password must be at least 10 characters long and include at least one number or special character (e.g., # ? ! &)"
	LoginMissing    = "The login is missing"
	CountryInvalid  = "The country must be an ISO 3166-1 alpha-2 code (e.g., US)"
	EmailInvalid    = "The new email address is invalid"
	UpgradeOpen     = "You are processing already an upgrade task, wait until the end, you can check the current status via the key info"
	RenewOpen       = "You are processing already a renew task, wait until the end, you can check the current status via the key info"
	KeyUsed         = "This key is not usable, your account is still premium, if not, renew it"
	KeyUnused       = "This key is usable, you can proceed with the upgrade"
	KeyLegacy       = "This key was last used with the old system, to proceed with the renew try to join again the family, you can retrieve invite and address in the info page. In case family is full or invite is expired, contact support by sending Key, Order ID and Downgrade screenshots"

	NotExist    = `{"status":"not_exist","message":"This key was not found in our database"}`
	UpgradeSent = `{"status":"success","message":"Upgrade request sent successfully, your account will be Premium in a few minutes, you can check the status via the key info"}`
	RenewSent   = `{"status":"success","message":"Renew request sent successfully, your account will be renewed in a few minutes you can check the status via the key info"}`
	TooMany     = `{"status":"error","message":"Too many requests, try again later"}`
	Unavailable = `{"status":"error","message":"System error, try again and if the problem persists contact support"}`
)

// Messages are the messages that info shows after a task has ended, by the outcome of the task.
var Messages = map[string]string{
	"system_error":        "System error, try again and if the problem persists contact support",
	"invalid_credentials": "Account details provided are invalid",
	"account_locked":      "Account has been temporarily locked by Spotify, please try again in a few hours. If the issue persists, consider using a different account",
	"out_of_stock":        "There are currently no more upgrades available in stock for the desired location, try a different country",
	"already_premium":     "The account provided is already premium",
	"upgraded_recently":   "Your account was upgraded less than 12 months ago, you need to use another one",
	"plan_expired":        "Family plan is expired",
	"plan_full":           "Family plan is full",
	"plan_invalid":        "Family plan is invalid",
	"already_member":      "Error with family plan, likely already registered to it",
	"wrong_address":       "Wrong address",
	"still_premium":       "The account provided is still premium",
}

// NotDurable is the beginning of the warnings about settings with which a server may lose confirmed commits.
const NotDurable = "the database is not durable"
