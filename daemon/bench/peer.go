package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// serveAPI serves a handler at /API/ with a plain net/http server, and prints the address of the server for the parent.
func serveAPI(ctx context.Context, handler http.HandlerFunc) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/API/", handler)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	printLine("serving", listener.Addr())
	return server.Serve(listener)
}

// printLine sends a line to the parent process.
func printLine(word string, what any) { _, _ = fmt.Fprintln(os.Stdout, word, what) }

// respond sends a response, or status 500 after an error.
func respond(w http.ResponseWriter, body []byte, err error) {
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err) // standard error is the peer's log
		http.Error(w, "error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(body) // the client may have disconnected
}

// An infoResponse is a response to the call info with the fields that keyseatd sends for a key in use.
type infoResponse struct {
	Status   string     `json:"status"`
	Message  string     `json:"message"`
	Username string     `json:"username"`
	Address  string     `json:"verify_address"`
	Used     int        `json:"used"`
	Bought   *time.Time `json:"purchase_date"`
	Since    *time.Time `json:"used_date"`
}

const infoQuery = `SELECT status, message, username, verify_address, used::int, date_trunc('second', purchase_date), date_trunc('second', used_date)
	FROM keyseat_keys WHERE code = $1 AND NOT revoked`

// peerInfo answers info with one prepared query per request, over as many connections as keyseatd uses.
func peerInfo(ctx context.Context, args []string) error {
	pool, err := openPool(ctx, args[0])
	if err != nil {
		return err
	}
	defer pool.Close()
	return serveAPI(ctx, func(w http.ResponseWriter, r *http.Request) {
		var k infoResponse
		err := pool.QueryRow(r.Context(), infoQuery, r.URL.Query().Get("info")).
			Scan(&k.Status, &k.Message, &k.Username, &k.Address, &k.Used, &k.Bought, &k.Since)
		body, _ := json.Marshal(k) // infoResponse can always be encoded
		respond(w, body, err)
	})
}

// poolSize is the maximum number of connections of a peer to the database, which is the default of keyseatd.
const poolSize = 16

// openPool opens a pool of connections that prepare their statements, as pgx does by default.
func openPool(ctx context.Context, url string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = poolSize
	return pgxpool.NewWithConfig(ctx, config)
}

// peerConstant answers info and upgrade without a database, so it has only the costs of net/http, of forms and of JSON.
func peerConstant(ctx context.Context, _ []string) error {
	now := time.Now().UTC().Truncate(time.Second)
	return serveAPI(ctx, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			respond(w, upgradeResponses[min(1, len(r.PostFormValue("upgrade")))], nil)
			return
		}
		k := infoResponse{"success", "", "u-" + r.URL.Query().Get("info"), "1 Main Street, Springfield", 1, &now, &now}
		body, _ := json.Marshal(k) // infoResponse can always be encoded
		respond(w, body, nil)
	})
}

// upgradeSQL accepts an upgrade in one statement. The statement takes a slot of the oldest plan whose row is not
// locked, updates the key, and adds the task and the history entry. It yields one row if it has accepted the upgrade.
const upgradeSQL = `
	WITH plan AS (
		SELECT id, address, invite FROM keyseat_plans
		WHERE country = $3 AND NOT retired AND fault = '' AND has_free
		ORDER BY country, seq LIMIT 1 FOR UPDATE SKIP LOCKED),
	k AS (
		UPDATE keyseat_keys SET status = 'in_queue', message = '', version = version + 1, task_id = $2
		FROM plan WHERE code = $1 AND NOT revoked AND NOT used AND status IN ('active', 'failed_upgrade', 'success_renew')
		RETURNING code),
	p AS (
		UPDATE keyseat_plans SET held = held + 1 FROM plan, k WHERE keyseat_plans.id = plan.id RETURNING 1),
	t AS (
		INSERT INTO keyseat_tasks (code, id, kind, country, version, fence, plan_id, plan_address, plan_invite, ordinal, slot, faulty,
			asked, tries, lost, doubt, created_at, due, outcome, sealed)
		SELECT code, $2, 'upgrade', $3, 1, 0, id, address, invite, 1, 'held', '', 0, 0, 0, false, now(), now(), '', $4 FROM k, plan
		RETURNING 1),
	h AS (
		INSERT INTO keyseat_history (code, change_id, n, at, cause, task_id, kind, outcome, plan_id, slot_from, slot_to, note)
		SELECT code, $2, 0, now(), 'accepted', $2, 'upgrade', '', id, 'free', 'held', '' FROM k, plan
		RETURNING 1)
	SELECT 1 FROM t, p, h`

// peerUpgrade accepts each upgrade with one statement, [upgradeSQL], in a transaction of its own.
func peerUpgrade(ctx context.Context, args []string) error {
	seal := sealer()
	return serveUpgrades(ctx, args[0], upgradeSQL, func(r *http.Request) []any {
		return []any{r.PostFormValue("upgrade"), rand.Text(), r.PostFormValue("country"), seal(r)}
	})
}

// serveUpgrades accepts each upgrade with one statement. The function values returns the arguments of the statement.
func serveUpgrades(ctx context.Context, url, sql string, values func(r *http.Request) []any) error {
	pool, err := openPool(ctx, url)
	if err != nil {
		return err
	}
	defer pool.Close()
	return serveAPI(ctx, func(w http.ResponseWriter, r *http.Request) {
		done, err := pool.Exec(r.Context(), sql, values(r)...)
		respond(w, upgradeResponses[done.RowsAffected()], err)
	})
}

// upgradeResponses are the bodies of the responses to an upgrade. The index is the number of tasks that the upgrade has
// added, 0 or 1.
var upgradeResponses = [][]byte{
	[]byte(`{"status":"error","message":"This key is not usable, your account is still premium, if not, renew it"}`),
	[]byte(`{"status":"success","message":"Upgrade request sent successfully, your account will be Premium in a few minutes, you can check the status via the key info"}`),
}

// sealer returns a function that encrypts the login and the password of a request, because keyseatd does so too.
func sealer() func(r *http.Request) []byte {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		panic(err) // impossible, because 32 bytes are a key of AES-256
	}
	box, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // impossible, because the cipher is AES
	}
	return func(r *http.Request) []byte {
		return box.Seal(nil, nil, []byte(r.PostFormValue("login")+"\n"+r.PostFormValue("pwd")), nil)
	}
}
