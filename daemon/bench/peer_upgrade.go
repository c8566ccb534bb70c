package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"net/http"
)

// claim accepts an upgrade in one statement. It takes a slot of the oldest plan whose row is not locked,
// updates the key, and adds the task and the line of history. It returns the number of added tasks.
const claim = `
	WITH plan AS (
		SELECT id, address, invite FROM keyseat_plans
		WHERE country = $3 AND NOT retired AND fault = '' AND held + spent + suspect < size
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
	SELECT count(*) FROM t, p, h`

// peerUpgrade accepts each upgrade with one statement, which is a transaction.
func peerUpgrade(ctx context.Context, args []string) error {
	pool, err := openPool(ctx, args[0])
	if err != nil {
		return err
	}
	defer pool.Close()
	seal := sealer()
	return serveAPI(ctx, func(w http.ResponseWriter, r *http.Request) {
		var n int
		err := pool.QueryRow(r.Context(), claim, r.PostFormValue("upgrade"), rand.Text(), r.PostFormValue("country"), seal(r)).Scan(&n)
		respond(w, verdicts[n], err)
	})
}

// verdicts are the response bodies, by the number of added tasks.
var verdicts = [][]byte{
	[]byte(`{"status":"error","message":"This key is not usable, your account is still premium, if not, renew it"}`),
	[]byte(`{"status":"success","message":"Upgrade request sent successfully, your account will be Premium in a few minutes, you can check the status via the key info"}`),
}

// sealer returns a function that encrypts the secrets of a request, as every real store does.
func sealer() func(r *http.Request) []byte {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		panic(err) // the length is right
	}
	box, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // the block is AES's
	}
	return func(r *http.Request) []byte {
		return box.Seal(nil, nil, []byte(r.PostFormValue("login")+"\n"+r.PostFormValue("pwd")), nil)
	}
}
